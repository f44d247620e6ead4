#include "wrapped_keyring.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "aead.h"
#include "base64.h"
#include "key_source.h"
#include "random.h"
#include "secret_json.h"

namespace pii {
namespace {

constexpr const char* kCheckValueMember = "root_kcv";
constexpr const char* kNonceMember = "nonce";
constexpr const char* kCiphertextMember = "ciphertext";

constexpr const char* kCryptoProblem = "OpenSSL cannot wrap or unwrap a keyring (HKDF-SHA256, XAES-256-GCM)";

bool Refuse(std::string* problem, std::string_view what) {
  *problem = what;
  return false;
}

/// What is authenticated beside the keyring: what the file is, its version, and under which root key it
/// claims to be.
std::vector<uint8_t> AssociatedData(const CheckValue& check_value) {
  std::vector<uint8_t> data(kWrappedMagic, kWrappedMagic + std::strlen(kWrappedMagic));
  data.push_back(1);
  data.insert(data.end(), check_value.begin(), check_value.end());
  return data;
}

std::string EncodeText(ByteView bytes) {
  std::string text(Base64Size(Base64::kStandard, bytes.size()) + 4, '\0');
  EncodeBase64(Base64::kStandard, bytes, text);
  text.resize(Base64Size(Base64::kStandard, bytes.size()));
  return text;
}

bool DecodeText(std::string_view text, std::vector<uint8_t>* bytes) {
  bytes->resize(text.size() / 4 * 3 + 3);
  size_t size = 0;
  if (!DecodeBase64(Base64::kStandard, text, *bytes, &size)) return false;
  bytes->resize(size);
  return true;
}

std::string Document(const CheckValue& check_value, ByteView nonce, ByteView ciphertext) {
  return std::string("{\n  \"") + kWrappedMagic + "\": 1,\n  \"" + kCheckValueMember + "\": \"" +
         CheckValueText(check_value) + "\",\n  \"" + kNonceMember + "\": \"" + EncodeText(nonce) +
         "\",\n  \"" + kCiphertextMember + "\": \"" + EncodeText(ciphertext) + "\"\n}\n";
}

/// The largest keyring whose wrapped form is no larger than kMaxKeyringSize.
size_t LargestKeyring() {
  const uint8_t nonce[kNonceSize] = {};
  return (kMaxKeyringSize - Document({}, nonce, {}).size()) / 4 * 3 - XaesKey::kTagSize;
}

struct WrappedKeyring {
  std::string check_value;
  std::vector<uint8_t> nonce;
  std::vector<uint8_t> ciphertext;  ///< and the tag
};

/// The text of a member; null when it is no string.
const SecretString* TextOf(const SecretJson& document, const char* member) {
  return document[member].get_ptr<const SecretString*>();
}

bool IsCheckValue(std::string_view text) {
  return text.size() == 2 * std::tuple_size_v<CheckValue> &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool ReadMembers(const SecretJson& document, WrappedKeyring* wrapped, std::string* problem) {
  const char* const kMembers[] = {kWrappedMagic, kCheckValueMember, kNonceMember, kCiphertextMember};
  if (!document.is_object()) return Refuse(problem, "must be an object");
  for (const auto& [name, value] : document.items()) {
    auto matches = [&name = name](const char* known) { return View(name) == known; };
    if (std::none_of(std::begin(kMembers), std::end(kMembers), matches)) {
      return Refuse(problem, PrintableMember(View(name)) + ": unknown member");
    }
  }
  for (const char* member : kMembers) {
    if (!document.contains(member)) return Refuse(problem, std::string(member) + ": missing");
  }
  const SecretJson& magic = document[kWrappedMagic];
  if (!magic.is_number_integer() || magic != 1) return Refuse(problem, "pii_wrapped_keyring: must be 1");

  const SecretString* check_value = TextOf(document, kCheckValueMember);
  if (check_value == nullptr || !IsCheckValue(*check_value)) {
    return Refuse(problem, "root_kcv: must be 16 hex digits, a to f in lower case");
  }
  wrapped->check_value = *check_value;
  const SecretString* nonce = TextOf(document, kNonceMember);
  if (nonce == nullptr || !DecodeText(*nonce, &wrapped->nonce) || wrapped->nonce.size() != kNonceSize) {
    return Refuse(problem, "nonce: must be 24 bytes in base64");
  }
  const SecretString* ciphertext = TextOf(document, kCiphertextMember);
  if (ciphertext == nullptr || !DecodeText(*ciphertext, &wrapped->ciphertext) ||
      wrapped->ciphertext.size() < XaesKey::kTagSize) {
    return Refuse(problem, "ciphertext: must be 16 bytes or more in base64");
  }
  return true;
}

/// MagicFinder goes through a document and stops at the magic member of its outermost object.
class MagicFinder {
 public:
  bool found() const { return found_; }

  bool key(SecretString& name) {
    found_ = depth_ == 1 && View(name) == kWrappedMagic;
    return !found_;
  }
  bool start_object(size_t) { return Enter(); }
  bool start_array(size_t) { return Enter(); }
  bool end_object() { return Leave(); }
  bool end_array() { return Leave(); }
  bool null() { return true; }
  bool boolean(bool) { return true; }
  bool number_integer(int64_t) { return true; }
  bool number_unsigned(uint64_t) { return true; }
  // A template, because the parser of binary formats, which is never run, hands over another kind of string.
  template <typename Text>
  bool number_float(double, const Text&) {
    return true;
  }
  bool string(SecretString&) { return true; }
  bool binary(SecretJson::binary_t&) { return true; }
  template <typename Exception>
  bool parse_error(size_t, const std::string&, const Exception&) {
    return false;
  }

 private:
  bool Enter() {
    ++depth_;
    return true;
  }
  bool Leave() {
    --depth_;
    return true;
  }

  size_t depth_ = 0;
  bool found_ = false;
};

}  // namespace

bool IsWrappedKeyring(std::string_view text) {
  MagicFinder finder;
  SecretJson::sax_parse(text, &finder);
  return finder.found();
}

bool ParseRootKey(std::string_view text, SecretKey* key, std::string* problem) {
  constexpr std::string_view kWhiteSpace = " \t\n\v\f\r";
  size_t first = text.find_first_not_of(kWhiteSpace);
  if (first != std::string_view::npos) {
    text = text.substr(first, text.find_last_not_of(kWhiteSpace) - first + 1);
  }
  bool valid = text.size() == Base64Size(Base64::kStandard, SecretKey::kSize);
  if (valid) {
    uint8_t bytes[SecretKey::kSize + 4];
    size_t size = 0;
    valid = DecodeBase64(Base64::kStandard, text, bytes, &size) && size == SecretKey::kSize;
    if (valid) std::memcpy(key->Expose().data(), bytes, size);
    Wipe(bytes);
  }
  return valid || Refuse(problem, "a root key must be 32 bytes in base64 (44 characters), and nothing else");
}

Status NewRootKey(SecretString* text) {
  SecretKey key;
  Status status = FillRandomKey(key.Expose());
  if (status != Status::kOk) return status;
  text->assign(Base64Size(Base64::kStandard, SecretKey::kSize) + 4, '\0');
  EncodeBase64(Base64::kStandard, key.Expose(), *text);
  text->resize(Base64Size(Base64::kStandard, SecretKey::kSize));
  *text += '\n';
  return Status::kOk;
}

Status DeriveRootCheckValue(const SecretKey& root_key, CheckValue* check_value) {
  return DeriveCheckValue(root_key.Expose(), {}, check_value);
}

std::string CheckValueText(const CheckValue& check_value) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (uint8_t byte : check_value) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

bool WrapKeyring(std::string_view keyring_json, const SecretKey& root_key, SecretString* wrapped,
                 std::string* problem) {
  if (keyring_json.size() > LargestKeyring()) {
    return Refuse(problem, "the keyring is too large to be wrapped: the wrapped form may be " +
                               std::to_string(kMaxKeyringSize >> 20) + " MiB, and so the keyring itself " +
                               std::to_string(LargestKeyring() >> 10) + " KiB");
  }
  CheckValue check_value;
  uint8_t nonce[kNonceSize];
  std::vector<uint8_t> ciphertext(keyring_json.size() + XaesKey::kTagSize);
  XaesKey key;
  if (DeriveRootCheckValue(root_key, &check_value) != Status::kOk || FillRandom(nonce) != Status::kOk ||
      key.Init(root_key.Expose()) != Status::kOk ||
      key.Seal(nonce, AssociatedData(check_value), {}, AsBytes(keyring_json), ciphertext) != Status::kOk) {
    return Refuse(problem, kCryptoProblem);
  }
  *wrapped = Secret(Document(check_value, nonce, ciphertext));
  return true;
}

bool UnwrapKeyring(std::string_view wrapped, const SecretKey& root_key, SecretString* keyring_json,
                   std::string* problem) {
  auto refuse = [&](std::string_view what) {
    Wipe({reinterpret_cast<uint8_t*>(keyring_json->data()), keyring_json->size()});
    keyring_json->clear();
    return Refuse(problem, what);
  };
  SecretJson document;
  WrappedKeyring parts;
  std::string what;
  if (!ParseSecretJson(wrapped, &document, &what) || !ReadMembers(document, &parts, &what)) {
    return refuse(what);
  }
  CheckValue check_value;
  XaesKey key;
  if (DeriveRootCheckValue(root_key, &check_value) != Status::kOk ||
      key.Init(root_key.Expose()) != Status::kOk) {
    return refuse(kCryptoProblem);
  }
  const std::string given = CheckValueText(check_value);
  if (parts.check_value != given) {
    return refuse("the keyring is wrapped under the root key with check value " + parts.check_value +
                  ", and the one given has " + given);
  }
  keyring_json->assign(parts.ciphertext.size() - XaesKey::kTagSize, '\0');
  ByteSpan plaintext(reinterpret_cast<uint8_t*>(keyring_json->data()), keyring_json->size());
  Status status = key.Open(ByteView(parts.nonce).first<kNonceSize>(), AssociatedData(check_value), {},
                           parts.ciphertext, plaintext);
  if (status == Status::kAuthenticationFailed) {
    return refuse("the wrapped keyring does not open under its root key: it is damaged or was changed");
  }
  return status == Status::kOk || refuse(kCryptoProblem);
}

bool OpenKeyring(std::string_view text, std::string_view root_key_text, Keyring* keyring,
                 std::string* problem) {
  *keyring = Keyring();
  if (!IsWrappedKeyring(text)) {
    // What is no keyring at all is not to be wrapped: a file cut short, or an error page.
    if (!ParseKeyring(text, keyring, problem)) return false;
    if (root_key_text.empty()) return true;
    *keyring = Keyring();
    return Refuse(problem,
                  "a root key is set, and the keyring is not wrapped; wrap it with pii-keyring wrap, or set "
                  "no root key");
  }
  if (root_key_text.empty()) return Refuse(problem, kNeedsRootKey);
  SecretKey root_key;
  SecretString keyring_json;
  return ParseRootKey(root_key_text, &root_key, problem) &&
         UnwrapKeyring(text, root_key, &keyring_json, problem) &&
         ParseKeyring(keyring_json, keyring, problem);
}

}  // namespace pii
