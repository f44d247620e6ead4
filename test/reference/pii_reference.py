#!/usr/bin/env python3
"""A second implementation of FORMAT.md, written from that page alone, to check the first.

    pii_reference.py vectors                     prints the test vectors of FORMAT.md
    pii_reference.py search_vectors              prints test/core/vectors/search_forms.txt
    pii_reference.py canary_vectors              prints test/core/vectors/canaries.txt
    pii_reference.py document_vectors            prints test/core/vectors/document_values.txt
    pii_reference.py wrapped_vectors             prints test/core/vectors/wrapped_keyrings.txt
    pii_reference.py reveal KEYRING DOMAIN       reads sealed text from standard input, a line each, prints plaintext
    pii_reference.py unwrap KEYRING ROOT_KEY     prints the keyring in a wrapped keyring file, of a root key file

Needs python3-cryptography. Knows sealed values, sealed text, key derivation, canaries, blind index values, the built-in
classes' normalisers, the transforms and wrapped keyrings; no masks.
"""

import base64
import hashlib
import hmac
import ipaddress
import json
import re
import sys
import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEAL, BLIND_INDEX, CANARY, CHECK_VALUE = 1, 2, 4, 5
PADDED, CONTEXT = 0x10, 0x20


def derive(root, purpose, class_id, domain, size=32):
    """HKDF-SHA256 (RFC 5869) without salt; one block of output is enough."""
    prk = hmac.new(bytes(32), root, hashlib.sha256).digest()
    name = domain.encode()
    info = b"pii-v1" + bytes([purpose]) + class_id.to_bytes(2, "big") + bytes([len(name)]) + name
    return hmac.new(prk, info + b"\x01", hashlib.sha256).digest()[:size]


def message_key(key, nonce):
    """The AES-256-GCM key of an XAES-256-GCM nonce (C2SP, XAES-256-GCM.md)."""
    aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    l = int.from_bytes(aes.update(bytes(16)), "big")
    k1 = (l << 1) & ((1 << 128) - 1)
    if l >> 127:
        k1 ^= 0x87
    block = lambda n: (int.from_bytes(bytes([0, n, 0x58, 0]) + nonce[:12], "big") ^ k1).to_bytes(16, "big")
    return aes.update(block(1)) + aes.update(block(2))


def seal(root, domain, class_id, version, plaintext, nonce, context=b"", pad_to=0):
    data = plaintext.encode()
    form = 0x01
    if pad_to:
        form |= PADDED
        data += b"\x80" + bytes(-(len(data) + 1) % pad_to)
    if context:
        form |= CONTEXT
    header = bytes([0, form]) + class_id.to_bytes(2, "big") + version.to_bytes(2, "big")
    key = message_key(derive(root, SEAL, class_id, domain), nonce)
    return header + nonce + AESGCM(key).encrypt(nonce[12:], data, header + context)


def reveal(keys, domain, sealed, context=b""):
    if len(sealed) < 46 or sealed[0] != 0 or sealed[1] & ~(PADDED | CONTEXT) != 0x01:
        raise ValueError("not a sealed value")
    if bool(sealed[1] & CONTEXT) != bool(context):
        raise ValueError("context")
    class_id, version = int.from_bytes(sealed[2:4], "big"), int.from_bytes(sealed[4:6], "big")
    nonce = sealed[6:30]
    key = message_key(derive(keys[version], SEAL, class_id, domain), nonce)
    data = AESGCM(key).decrypt(nonce[12:], sealed[30:], sealed[:6] + context)
    if sealed[1] & PADDED:
        data = data.rstrip(b"\0")
        if not data.endswith(b"\x80"):
            raise ValueError("padding")
        data = data[:-1]
    return data.decode()


def canary_nonce(root, domain, class_id, start):
    """The nonce of a canary, of its first 18 bytes: 12 of the prefix, 6 random ones."""
    aes = Cipher(algorithms.AES(derive(root, CANARY, class_id, domain)), modes.ECB()).encryptor()
    return start + aes.update(b"pii canary" + start[12:])[:6]


def is_canary(keys, domain, sealed):
    """Says nothing of bytes that reveal() refuses."""
    class_id, version = int.from_bytes(sealed[2:4], "big"), int.from_bytes(sealed[4:6], "big")
    return sealed[6:30] == canary_nonce(keys[version], domain, class_id, sealed[6:24])


def sealed_text(sealed):
    version = int.from_bytes(sealed[4:6], "big")
    return "pii:v%d:%s" % (version, base64.urlsafe_b64encode(sealed).decode().rstrip("="))


def parse_sealed_text(text):
    _, version, payload = text.split(":")
    sealed = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    if version != "v%d" % int.from_bytes(sealed[4:6], "big"):
        raise ValueError("version")
    return sealed


def blind_index(root, domain, class_id, version, transform, normalized):
    key = derive(root, BLIND_INDEX, class_id, domain)
    mac = hmac.new(key, transform.encode() + b"\0" + normalized.encode(), hashlib.sha256).digest()
    return version.to_bytes(2, "big") + mac[:14]


def root_check_value(root):
    """Of a root key, which belongs to no domain."""
    return derive(root, CHECK_VALUE, 0, "", 8)


def wrap_data(root):
    """What is authenticated beside a wrapped keyring."""
    return b"pii_wrapped_keyring" + b"\x01" + root_check_value(root)


def wrap(root, nonce, keyring, data=None, check_value=None):
    """The members of the wrapped form of a keyring, itself in JSON."""
    data = wrap_data(root) if data is None else data
    ciphertext = AESGCM(message_key(root, nonce)).encrypt(nonce[12:], keyring.encode(), data)
    return {
        "pii_wrapped_keyring": 1,
        "root_kcv": (check_value or root_check_value(root)).hex(),
        "nonce": base64.b64encode(nonce).decode(),
        "ciphertext": base64.b64encode(ciphertext).decode(),
    }


def unwrap(root, text):
    def members(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("repeated member")
        return dict(pairs)

    def decode(name, is_size):
        value = wrapped[name]
        if not isinstance(value, str) or not re.fullmatch("[A-Za-z0-9+/]*={0,2}", value) or len(value) % 4:
            raise ValueError(name)
        decoded = base64.b64decode(value)
        if base64.b64encode(decoded).decode() != value or not is_size(len(decoded)):
            raise ValueError(name)
        return decoded

    wrapped = json.loads(text, object_pairs_hook=members)
    names = ["pii_wrapped_keyring", "root_kcv", "nonce", "ciphertext"]
    if set(wrapped) - set(names):
        raise ValueError("unknown member")
    if set(names) - set(wrapped):
        raise ValueError("missing member")
    magic = wrapped["pii_wrapped_keyring"]
    if type(magic) is not int or magic != 1:
        raise ValueError("magic")
    if not isinstance(wrapped["root_kcv"], str) or not re.fullmatch("[0-9a-f]{16}", wrapped["root_kcv"]):
        raise ValueError("root_kcv")
    nonce = decode("nonce", lambda size: size == 24)
    ciphertext = decode("ciphertext", lambda size: size >= 16)
    if wrapped["root_kcv"] != root_check_value(root).hex():
        raise ValueError("root key")
    try:
        return AESGCM(message_key(root, nonce)).decrypt(nonce[12:], ciphertext, wrap_data(root)).decode()
    except InvalidTag:
        raise ValueError("authentication") from None


# Normalisers. Python has its own Unicode tables, so this shares nothing with ICU.

WHITE_SPACE = set("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | set(map(chr, range(0x2000, 0x200B)))
DEFAULT_IGNORABLE = [
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)]


def nfc(value):
    return unicodedata.normalize("NFC", value)


def nfkc(value):
    return unicodedata.normalize("NFKC", value)


def nfkc_casefold_of(c):
    """The property NFKC_Casefold of one character (Unicode Standard Annex #44)."""
    while True:
        kept = "".join(k for k in c if not any(low <= ord(k) <= high for low, high in DEFAULT_IGNORABLE))
        folded = nfkc(nfkc(kept).casefold())
        if folded == c:
            return c
        c = folded


def nfkc_casefold(value):
    """toNFKC_Casefold (The Unicode Standard §3.13, R5) of the NFC form."""
    return nfc("".join(map(nfkc_casefold_of, nfc(value))))


def is_separator(c):
    return c in WHITE_SPACE or c in "./()_-\u2212" or unicodedata.category(c) == "Pd"


def is_digit(c):
    return unicodedata.category(c) == "Nd"


def is_alphanumeric(c):
    return unicodedata.category(c)[0] == "L" or is_digit(c)


def without_separators(value):
    return "".join(c for c in value if not is_separator(c))


def collapse_spaces(value):
    return re.sub("[%s]+" % re.escape("".join(sorted(WHITE_SPACE))), " ", value)


def trim(value):
    return value.strip("".join(WHITE_SPACE))


def digits(value, plus_allowed=False):
    """The digits as ASCII and whether a + stood before them; None if there is anything else."""
    value = without_separators(value)
    plus = plus_allowed and value[:1] in ("+", "\uff0b") and value != ""
    if plus:
        value = value[1:]
    if not all(map(is_digit, value)):
        return None
    return plus, "".join(str(unicodedata.digit(c)) for c in value)


def alphanumeric(value):
    """Letters and digits in upper case; None if there is anything else but separators."""
    kept = without_separators(nfkc(value))
    return nfc(kept.upper()) if all(map(is_alphanumeric, kept)) else None


def iso_date(value):
    match = re.fullmatch(r"([0-9]{4})(?:([0-9]{2})([0-9]{2})|([-/.])([0-9]{1,2})\4([0-9]{1,2}))", value.strip(" "))
    if not match:
        return None
    year, month, day = (int(part) for part in (match[1], match[2] or match[5], match[3] or match[6]))
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return "%04d-%02d-%02d" % (year, month, day) if 1 <= month <= 12 and 1 <= day <= days[month - 1] else None


def ip_address(value):
    try:
        address = ipaddress.ip_address(value.strip(" "))
    except ValueError:
        return None
    if "%" in value:
        return None
    mapped = address.version == 6 and address.ipv4_mapped
    return "::ffff:%s" % mapped if mapped else str(address)


def normalize(normalizer, value):
    if normalizer == "name":
        return trim(collapse_spaces(nfkc_casefold(value)))
    if normalizer == "email":
        return trim(nfkc_casefold(value))
    if normalizer == "address":
        return collapse_spaces(nfkc_casefold(value))
    if normalizer in ("digits", "plus_digits"):
        found = digits(value, normalizer == "plus_digits")
        if found and found[1]:
            return "+" * found[0] + found[1]
    if normalizer == "alphanumeric":
        return alphanumeric(value) or nfc(value)
    if normalizer == "iso_date":
        return iso_date(value) or nfc(value)
    if normalizer == "ip_address":
        return ip_address(value) or nfc(value)
    return nfc(value)


def has_any(value):
    return True


def has_digits(least, most, plus_allowed=False):
    def has_shape(value):
        found = digits(value, plus_allowed)
        return found is not None and least <= len(found[1]) <= most
    return has_shape


def is_iban(value):
    return re.fullmatch("[A-Za-z]{2}[0-9]{2}[A-Za-z0-9]{11,30}", re.sub("[ -]", "", value))


# Class id → normaliser, whole format, transforms besides exact.
CLASSES = {
    0: ("nfc", has_any, []),
    1: ("name", has_any, ["initials", "word"]),
    2: ("email", has_any, ["domain", "local"]),
    3: ("plus_digits", has_digits(7, 15, True), ["last4"]),
    4: ("digits", has_digits(9, 9), ["last4"]),
    5: ("digits", has_digits(12, 19), ["last4"]),
    6: ("alphanumeric", is_iban, ["last4"]),
    7: ("alphanumeric", has_any, ["last4"]),
    8: ("address", has_any, ["word"]),
    9: ("iso_date", iso_date, ["year"]),
    10: ("ip_address", ip_address, []),
    11: ("alphanumeric", has_any, []),
    12: ("alphanumeric", has_any, []),
    13: ("alphanumeric", has_any, []),
    14: ("alphanumeric", has_any, ["first3"]),
}


class NoPart(Exception):
    pass


def words(normalized):
    """Runs of letters, digits and marks."""
    is_word = lambda c: is_alphanumeric(c) or unicodedata.category(c)[0] == "M"
    return "".join(c if is_word(c) else " " for c in normalized).split(" ")


def search_forms(class_id, transform, value):
    """What an index hashes of a stored value: one text, or one for each word."""
    normalizer, has_shape, transforms = CLASSES[class_id]
    if transform != "exact" and transform not in transforms:
        raise ValueError("not searchable")
    normalized = normalize(normalizer, value) if has_shape(value) else nfc(value)
    if transform == "exact":
        return [normalized]
    if not has_shape(value) or (normalizer == "alphanumeric" and not alphanumeric(value)):
        raise NoPart
    found = [word for word in words(normalized) if word]
    if transform == "word":
        return found
    local, at, domain = normalized.rpartition("@")
    part = {
        "last4": normalized[-4:] if len(normalized) >= 4 else "",
        "domain": trim(domain) if at else "",
        "local": trim(local),
        "year": normalized[:4],
        "first3": normalized[:3] if len(normalized) >= 3 else "",
        "initials": "".join(word[0] for word in found),
    }[transform]
    if not part:
        raise NoPart
    return [part]


def quoted(text):
    return json.dumps(text, ensure_ascii=False)


def search_vectors():
    root = bytes([0x02] * 32)
    print("# What blind indexes hash, and the result. Source: test/reference/pii_reference.py search_vectors.")
    print("# Index root key: 32 bytes 02; domain default. KEY: derived key. VALUE: as stored. NORMALIZED: what is hashed")
    print("# of it, words with a space between. SOUGHT: another spelling, or the part alone, that finds it. INDEX: the")
    print("# result, one for each word. ERROR: why there is none.\n")
    for name, class_id, version, transform, value, sought in [
        ("ssn", 4, 1, "exact", "123-45-6789", "１２３ ４５ ６７８９"),
        ("text, decomposed", 0, 1, "exact", "Zoe\u0308", "Zo\u00eb"),
        ("name", 1, 7, "exact", " Zoë  STRASSE ", "zoë straße"),
        ("email", 2, 1, "exact", "Jane.Doe@Example.COM", "jane.doe@example.com"),
        ("phone", 3, 1, "exact", "+1 (212) 555-0123", "+12125550123"),
        ("iban", 6, 1, "exact", "de89 3704 0044 0532 0130 00", "DE89370400440532013000"),
        ("dob", 9, 1, "exact", "1980/5/6", "19800506"),
        ("ip, mapped", 10, 65535, "exact", "::FFFF:c000:0201", "::ffff:192.0.2.1"),
        ("not an ssn", 4, 1, "exact", "123-45-678", None),
        ("empty", 0, 1, "exact", "", None),
        ("ssn", 4, 1, "last4", "123-45-6789", "67-89"),
        ("ssn in Arabic-Indic digits", 4, 1, "last4", "١٢٣-٤٥-٦٧٨٩", "٦٧٨٩"),
        ("phone", 3, 7, "last4", "+1 (212) 555-0123", "0123"),
        ("pan", 5, 1, "last4", "4111 1111 1111 1111", "1111"),
        ("iban", 6, 1, "last4", "GB29 NWBK 6016 1331 92ab 1c", "ab1c"),
        ("account, not ASCII", 7, 1, "last4", "12-straße", "asse"),
        ("not an ssn", 4, 1, "last4", "123-45-678", None),
        ("account with other characters", 7, 1, "last4", "no#1234", None),
        ("account, a letter that holds another character", 7, 1, "last4", "co\u0140lega", None),
        ("account, too short", 7, 1, "last4", "1-2-3", None),
        ("email", 2, 1, "domain", "Jane.Doe@Example.COM", "EXAMPLE.com"),
        ("email, two @", 2, 1, "domain", "jane@doe@x.org", "x.org"),
        ("email, not ASCII", 2, 65535, "domain", "a@Mu\u0308nchen.DE", "M\u00fcnchen.de"),
        ("not an email", 2, 1, "domain", "jane", None),
        ("nothing behind the @", 2, 1, "domain", "jane@", None),
        ("email", 2, 1, "local", "Jane.Doe@Example.COM", "jane.doe"),
        ("email, spaces at the @", 2, 1, "local", "jane @ x.org", "Jane"),
        ("email, sharp s", 2, 7, "local", "weiß@x.org", "WEISS"),
        ("nothing before the @", 2, 1, "local", "@example.com", None),
        ("dob", 9, 1, "year", "1980-05-06", "1980"),
        ("dob, compact", 9, 65535, "year", "00070101", "0007"),
        ("not a date", 9, 1, "year", "1980-02-30", None),
        ("postcode", 14, 1, "first3", "sw1a 1aa", "SW1"),
        ("postcode, fullwidth", 14, 7, "first3", "１０１１５", "101"),
        ("postcode, too short", 14, 1, "first3", "s w", None),
        ("name", 1, 1, "initials", "Jane  Mary O'Brien", "JMOB"),
        ("name, not ASCII", 1, 7, "initials", "Zoë Ångström 李", "zå李"),
        ("name without letters", 1, 1, "initials", "-", None),
        ("name", 1, 1, "word", "Anna-Lena  STRASSE, Anna", None),
        ("address", 8, 7, "word", "5b Rue de l\u2019Église", None),
        ("transform of another class", 4, 1, "domain", "123-45-6789", None),
    ]:
        print("NAME: %s\nCLASS: %d\nVERSION: %d\nTRANSFORM: %s" % (name, class_id, version, transform))
        print("KEY: %s\nVALUE: %s" % (derive(root, BLIND_INDEX, class_id, "default").hex(), quoted(value)))
        try:
            forms = search_forms(class_id, transform, value)
        except NoPart:
            print("ERROR: no part\n")
            continue
        except ValueError as error:
            print("ERROR: %s\n" % error)
            continue
        print("NORMALIZED: %s" % quoted(" ".join(forms)))
        if sought is not None:
            print("SOUGHT: %s" % quoted(sought))
        results = [blind_index(root, "default", class_id, version, transform, form).hex() for form in forms]
        print("INDEX: %s\n" % " ".join(results))


def vectors():
    seal_root, index_root = bytes([0x01] * 32), bytes([0x02] * 32)
    nonce = bytes(range(0x40, 0x58))
    print("# Sealed values. Seal root key: 32 bytes 01; nonce: 40 41 … 57; domain default unless given.")
    for name, arguments in [
        ("ssn", ("default", 4, 1, "123-45-6789", nonce)),
        ("empty text", ("default", 0, 1, "", nonce)),
        ("name, not ASCII", ("default", 1, 1, "Zoë Łukasz 李娜", nonce)),
        ("custom class, last version, domain eu-west", ("eu-west", 1000, 65535, "M-0001", nonce)),
        ("padded to 32", ("default", 2, 1, "ann@example.org", nonce, b"", 32)),
        ("bound to context row-17", ("default", 5, 1, "4111111111111111", nonce, b"row-17")),
    ]:
        sealed = seal(seal_root, *arguments)
        domain, class_id, version, plaintext = arguments[:4]
        print("NAME: %s" % name)
        print("DOMAIN: %s\nCLASS: %d\nVERSION: %d\nPLAINTEXT: %s" % (domain, class_id, version, json.dumps(plaintext, ensure_ascii=False)))
        if len(arguments) > 5 and arguments[5]:
            print("CONTEXT: %s" % arguments[5].decode())
        print("KEY: %s" % derive(seal_root, SEAL, class_id, domain).hex())
        print("SEALED: %s" % sealed.hex())
        print("TEXT: %s\n" % sealed_text(sealed))
        assert reveal({version: seal_root}, domain, sealed, arguments[5] if len(arguments) > 5 else b"") == plaintext
    print("# Blind index values. Index root key: 32 bytes 02; domain default.")
    for class_id, version, transform, normalized in [(4, 1, "exact", "123456789"), (2, 7, "domain", "example.org")]:
        value = blind_index(index_root, "default", class_id, version, transform, normalized)
        print("CLASS: %d\nVERSION: %d\nTRANSFORM: %s\nNORMALIZED: %s" % (class_id, version, transform, normalized))
        print("INDEX: %s\n" % value.hex())
    print("# Check value of the seal root key in domain default.")
    print("CHECK: %s" % derive(seal_root, CHECK_VALUE, 0, "default", 8).hex())


def document_vectors():
    root, nonce = bytes([0x01] * 32), bytes(range(0x40, 0x58))
    print("# Values in documents. Source: test/reference/pii_reference.py document_vectors. Seal root key: 32 bytes 01; nonce: 40 41")
    print("# … 57; domain default. PLAINTEXT: JSON text, padded to a multiple of 16 bytes. Under the context \"json\" all of them open.\n")
    for name, class_id, version, value in [
        ("string", 7, 1, "DE-123"),
        ("empty string", 0, 1, ""),
        ("string with escapes, not ASCII", 1, 7, 'Zoë "Z" \\ 李娜\n'),
        ("number", 4, 1, 123456789),
        ("true", 0, 1, True),
        ("false", 0, 1, False),
        ("object", 15, 65535, {"n": [1, 2.5, None], "s": "x"}),
    ]:
        plaintext = json.dumps(value, ensure_ascii=False)
        sealed = seal(root, "default", class_id, version, plaintext, nonce, b"json", 16)
        assert json.loads(reveal({version: root}, "default", sealed, b"json")) == value
        print("NAME: %s\nCLASS: %d\nVERSION: %d\nPLAINTEXT: \"%s\"" % (name, class_id, version, plaintext))
        print("KEY: %s" % derive(root, SEAL, class_id, "default").hex())
        print("SEALED: %s\nTEXT: %s\n" % (sealed.hex(), sealed_text(sealed)))


def canary_vectors():
    root, other_root = bytes([0x01] * 32), bytes([0x02] * 32)
    start = bytes(range(0x40, 0x52))
    print("# Canaries. Source: test/reference/pii_reference.py canary_vectors. Seal root key: 32 bytes 01; prefix of the nonce: 40")
    print("# 41 … 4b; r: 4c 4d … 51. KEY: of purpose 1. MARK_KEY: of purpose 4. All of them open.\n")
    ssn = canary_nonce(root, "default", 4, start)
    changed = lambda at, bit: ssn[:at] + bytes([ssn[at] ^ bit]) + ssn[at + 1 :]
    for name, domain, class_id, version, plaintext, nonce, context, pad_to in [
        ("ssn", "default", 4, 1, "987-65-4321", ssn, b"", 0),
        ("r and mark of the first behind another prefix", "default", 4, 1, "987-65-4321",
         bytes(range(0x41, 0x4D)) + ssn[12:], b"", 0),
        ("another r", "default", 4, 1, "987-65-4321",
         canary_nonce(root, "default", 4, start[:12] + start[:6]), b"", 0),
        ("custom class, last version, domain eu-west", "eu-west", 1000, 65535, "M-0001",
         canary_nonce(root, "eu-west", 1000, start), b"", 0),
        ("padded to 32 and bound to context row-17", "default", 2, 7, "ann@example.org",
         canary_nonce(root, "default", 2, start), b"row-17", 32),
        ("the nonce of a canary of class ssn in class pan", "default", 5, 1, "4111111111111111", ssn, b"", 0),
        ("the nonce of a canary of domain default in domain eu-west", "eu-west", 4, 1, "987-65-4321", ssn, b"", 0),
        ("the nonce of a canary of another root key", "default", 4, 1, "987-65-4321",
         canary_nonce(other_root, "default", 4, start), b"", 0),
        ("first bit of r changed", "default", 4, 1, "987-65-4321", changed(12, 0x80), b"", 0),
        ("last bit of r changed", "default", 4, 1, "987-65-4321", changed(17, 1), b"", 0),
        ("first bit of the mark changed", "default", 4, 1, "987-65-4321", changed(18, 0x80), b"", 0),
        ("last bit of the mark changed", "default", 4, 1, "987-65-4321", changed(23, 1), b"", 0),
    ]:
        sealed = seal(root, domain, class_id, version, plaintext, nonce, context, pad_to)
        assert reveal({version: root}, domain, sealed, context) == plaintext
        print("NAME: %s\nDOMAIN: %s\nCLASS: %d\nVERSION: %d" % (name, domain, class_id, version))
        print("PLAINTEXT: %s" % quoted(plaintext))
        if context:
            print("CONTEXT: %s" % context.decode())
        print("KEY: %s" % derive(root, SEAL, class_id, domain).hex())
        print("MARK_KEY: %s" % derive(root, CANARY, class_id, domain).hex())
        print("NONCE: %s\nSEALED: %s" % (nonce.hex(), sealed.hex()))
        print("CANARY: %s\n" % ("yes" if is_canary({version: root}, domain, sealed) else "no"))


def wrapped_vectors():
    root, other_root = bytes([0x04] * 32), bytes([0x05] * 32)
    nonce = bytes(range(0x40, 0x58))
    key = lambda byte: base64.b64encode(bytes([byte] * 32)).decode()
    version = lambda byte: {"status": "enabled", "key": key(byte), "created": "2026-01-31T00:00:00Z"}
    keys = lambda byte: {"primary": 1, "keys": {"1": version(byte)}}
    domain = lambda byte: {"seal": keys(byte), "blind_index": keys(byte + 1), "hash_key": key(byte + 2)}
    keyring = {"pii_keyring": 1, "domains": {"default": domain(1)}}
    larger = {"pii_keyring": 1, "domains": {"default": domain(1), "eu-west": domain(0x11)},
              "classes": [{"id": 1000, "name": "member_no", "normalize": "digits", "mask": {"keep_last": 3}}]}
    larger["domains"]["default"]["seal"]["keys"]["2"] = {"status": "destroyed", "created": "2026-02-01T00:00:00Z"}
    plain = json.dumps(keyring, separators=(",", ":"))
    good = wrap(root, nonce, plain)

    def changed(**members):
        return {**good, **members}

    def flipped(name, at, bit):
        data = bytearray(base64.b64decode(good[name]))
        data[at] ^= bit
        return changed(**{name: base64.b64encode(data).decode()})

    def without(name):
        return {member: value for member, value in good.items() if member != name}

    print("# Wrapped keyrings. Source: test/reference/pii_reference.py wrapped_vectors. Nonce 40 41 … 57. ROOT_KEY: the key")
    print("# that is given. KX: AES-256-GCM key of the nonce. AAD, ROOT_KCV: of the root key. ERROR: why WRAPPED does not open.\n")
    for name, given, wrapped, text in [
        ("one domain", root, good, plain),
        ("two domains, a destroyed key, a class", other_root, None, json.dumps(larger, separators=(",", ":"))),
        ("nothing, which is no keyring", root, wrap(root, nonce, ""), ""),
        ("another root key", other_root, good, None),
        ("check value of another root key", other_root, changed(root_kcv=root_check_value(other_root).hex()), None),
        ("first bit of the nonce changed", root, flipped("nonce", 0, 0x80), None),
        ("last bit of the nonce changed", root, flipped("nonce", 23, 1), None),
        ("first bit of the ciphertext changed", root, flipped("ciphertext", 0, 0x80), None),
        ("last bit of the tag changed", root, flipped("ciphertext", -1, 1), None),
        ("no additional data", root, wrap(root, nonce, plain, b""), None),
        ("additional data without the check value", root, wrap(root, nonce, plain, b"pii_wrapped_keyring\x01"), None),
        ("magic 2", root, changed(pii_wrapped_keyring=2), None),
        ("magic true", root, changed(pii_wrapped_keyring=True), None),
        ("check value in upper case", root, changed(root_kcv=good["root_kcv"].upper()), None),
        ("check value too short", root, changed(root_kcv=good["root_kcv"][:14]), None),
        ("nonce of 23 bytes", root, changed(nonce=base64.b64encode(nonce[:23]).decode()), None),
        ("nonce of 25 bytes", root, changed(nonce=base64.b64encode(nonce + b"X").decode()), None),
        ("ciphertext of 15 bytes", root, changed(ciphertext=base64.b64encode(bytes(15)).decode()), None),
        ("ciphertext without padding", root, changed(ciphertext=wrap(root, nonce, "{} ")["ciphertext"].rstrip("=")), None),
        ("ciphertext in base64url", root, changed(ciphertext=good["ciphertext"].replace("+", "-").replace("/", "_")), None),
        ("a number for a nonce", root, changed(nonce=24), None),
        ("no nonce", root, without("nonce"), None),
        ("a member more", root, changed(kdf="none"), None),
        ("the magic of a keyring beside", root, changed(pii_keyring=1), None),
        ("a nonce more", root, json.dumps(good)[:-1] + ', "nonce": "%s"}' % good["nonce"], None),
    ]:
        wrapped = wrapped or wrap(given, nonce, text)
        wrapped = wrapped if isinstance(wrapped, str) else json.dumps(wrapped)
        print("NAME: %s\nROOT_KEY: %s\nROOT_KCV: %s" % (name, given.hex(), root_check_value(given).hex()))
        if text is not None:
            print("KX: %s\nAAD: %s" % (message_key(given, nonce).hex(), wrap_data(given).hex()))
            print('PLAINTEXT: "%s"' % text)
            assert unwrap(given, wrapped) == text
        print("WRAPPED: %s" % wrapped)
        if text is None:
            try:
                unwrap(given, wrapped)
                raise AssertionError(name)
            except ValueError as error:
                print("ERROR: %s" % error)
        print()


def main(arguments):
    if arguments == ["vectors"]:
        vectors()
    elif arguments == ["search_vectors"]:
        search_vectors()
    elif arguments == ["canary_vectors"]:
        canary_vectors()
    elif arguments == ["document_vectors"]:
        document_vectors()
    elif arguments == ["wrapped_vectors"]:
        wrapped_vectors()
    elif len(arguments) == 3 and arguments[0] == "unwrap":
        with open(arguments[1], encoding="utf-8") as file, open(arguments[2], encoding="utf-8") as root_key_file:
            print(unwrap(base64.b64decode(root_key_file.read().strip()), file.read()), end="")
    elif len(arguments) == 3 and arguments[0] == "reveal":
        with open(arguments[1], encoding="utf-8") as file:
            domain = json.load(file)["domains"][arguments[2]]
        keys = {int(v): base64.b64decode(k["key"]) for v, k in domain["seal"]["keys"].items() if "key" in k}
        for line in sys.stdin:
            print(reveal(keys, arguments[2], parse_sealed_text(line.strip())))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
