#!/usr/bin/env python3
"""A second implementation of FORMAT.md, written from that page alone, to check the first.

    pii_reference.py vectors                     prints the test vectors of FORMAT.md
    pii_reference.py reveal KEYRING DOMAIN       reads sealed text from standard input, a line each, prints plaintext

Needs python3-cryptography. Knows sealed values, sealed text, key derivation and blind index values; no masks and no
normalisers.
"""

import base64
import hashlib
import hmac
import json
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEAL, BLIND_INDEX, CHECK_VALUE = 1, 2, 5
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


def main(arguments):
    if arguments == ["vectors"]:
        vectors()
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
