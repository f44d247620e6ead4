// The keyring file: JSON in, checked Keyring out, and back.

#include "base64.h"
#include "keyring.h"
#include "secret_json.h"
#include "wrapped_keyring.h"

namespace pii {
namespace {

constexpr const char* kMagic = "pii_keyring";

/// Reader walks the document and stops at the first rule that is broken.
class Reader {
 public:
  explicit Reader(std::string* problem) : problem_(problem) {}

  bool ReadKeyring(const SecretJson& json, Keyring* keyring) {
    Path here(this, {});
    if (!IsObject(json)) return false;
    if (json.contains(kWrappedMagic)) return Refuse(kNeedsRootKey);
    if (!HasOnly(json, {kMagic, "domains"}, {"classes"})) return false;
    {
      Path at(this, kMagic);
      const SecretJson& magic = json[kMagic];
      if (!magic.is_number_integer() || magic != 1) return Refuse("must be 1");
    }
    return ReadDomains(json["domains"], keyring) &&
           (!json.contains("classes") || ReadClasses(json["classes"], keyring));
  }

 private:
  /// Path adds one member to the path in messages while it lives.
  class Path {
   public:
    Path(Reader* reader, std::string_view member) : reader_(reader), size_(reader->path_.size()) {
      if (!member.empty()) reader->path_ += "." + PrintableMember(member);
    }
    ~Path() { reader_->path_.resize(size_); }

   private:
    Reader* reader_;
    size_t size_;
  };

  /// Reads a number from `least` to `most`. Not with the operators of the JSON library: they take a number
  /// above 2^63 for a negative one when the other side is an int.
  template <typename T>
  static bool ReadNumber(const SecretJson& json, uint64_t least, uint64_t most, T* number) {
    if (!json.is_number_unsigned()) return false;
    auto value = json.get<uint64_t>();
    if (value < least || value > most) return false;
    *number = static_cast<T>(value);
    return true;
  }

  bool Refuse(std::string_view rule) {
    *problem_ = (path_.empty() ? "" : path_.substr(1) + ": ") + std::string(rule);
    return false;
  }

  bool IsObject(const SecretJson& json) { return json.is_object() || Refuse("must be an object"); }

  bool HasOnly(const SecretJson& json, std::initializer_list<const char*> required,
               std::initializer_list<const char*> optional = {}) {
    if (!IsObject(json)) return false;
    for (const auto& [name, value] : json.items()) {
      auto matches = [&name = name](const char* known) { return View(name) == known; };
      if (std::any_of(required.begin(), required.end(), matches)) continue;
      if (std::any_of(optional.begin(), optional.end(), matches)) continue;
      Path at(this, View(name));
      return Refuse("unknown member");
    }
    for (const char* name : required) {
      Path at(this, name);
      if (!json.contains(name)) return Refuse("missing");
    }
    return true;
  }

  bool ReadDomains(const SecretJson& json, Keyring* keyring) {
    Path at(this, "domains");
    if (!IsObject(json)) return false;
    if (json.empty()) return Refuse("must hold at least one domain");
    for (const auto& [name, value] : json.items()) {
      Path at_domain(this, View(name));
      if (!IsDomainName(View(name))) return Refuse("not a domain name (1 to 63 of a-z 0-9 _ - .)");
      Domain domain;
      if (!HasOnly(value, {"seal", "blind_index", "hash_key"}) ||
          !ReadKeySet("seal", value["seal"], &domain.seal) ||
          !ReadKeySet("blind_index", value["blind_index"], &domain.blind_index) ||
          !ReadKey("hash_key", value["hash_key"], &domain.hash_key)) {
        return false;
      }
      keyring->domains.emplace(View(name), std::move(domain));
    }
    return true;
  }

  bool ReadKeySet(const char* member, const SecretJson& json, KeySet* keys) {
    Path at(this, member);
    if (!HasOnly(json, {"primary", "keys"})) return false;
    {
      Path at_keys(this, "keys");
      if (!IsObject(json["keys"])) return false;
      for (const auto& [id, value] : json["keys"].items()) {
        Path at_version(this, View(id));
        uint16_t version;
        if (!ParseVersion(View(id), &version)) return Refuse("a key id must be a number from 1 to 65535");
        KeyVersion key;
        if (!ReadKeyVersion(value, &key)) return false;
        keys->versions.emplace(version, std::move(key));
      }
    }
    Path at_primary(this, "primary");
    if (!ReadNumber(json["primary"], 1, UINT16_MAX, &keys->primary)) {
      return Refuse("must be a number from 1 to 65535");
    }
    auto found = keys->versions.find(keys->primary);
    if (found == keys->versions.end()) return Refuse("names a key that is not in keys");
    if (found->second.status != KeyStatus::kEnabled) return Refuse("names a key that is not enabled");
    return true;
  }

  static bool ParseVersion(std::string_view id, uint16_t* version) {
    uint32_t number = 0;
    if (id.empty() || id.size() > 5 || id[0] == '0') return false;
    for (char c : id) {
      if (c < '0' || c > '9') return false;
      number = number * 10 + static_cast<uint32_t>(c - '0');
    }
    *version = static_cast<uint16_t>(number);
    return number <= UINT16_MAX;
  }

  bool ReadKeyVersion(const SecretJson& json, KeyVersion* key) {
    if (!HasOnly(json, {"status", "created"}, {"key"})) return false;
    {
      Path at(this, "status");
      if (!ReadStatus(json["status"], &key->status)) return false;
    }
    {
      Path at(this, "created");
      const SecretJson& created = json["created"];
      if (!created.is_string() ||
          !ParseTimestamp(View(created.get_ref<const SecretString&>()), &key->created)) {
        return Refuse("must be a time such as 2026-01-31T00:00:00Z");
      }
    }
    if (key->status == KeyStatus::kDestroyed) {
      Path at(this, "key");
      return !json.contains("key") || Refuse("a destroyed key must hold no material");
    }
    if (!json.contains("key")) {
      Path at(this, "key");
      return Refuse("missing");
    }
    return ReadKey("key", json["key"], &key->key);
  }

  bool ReadStatus(const SecretJson& json, KeyStatus* status) {
    for (KeyStatus known : {KeyStatus::kEnabled, KeyStatus::kDisabled, KeyStatus::kDestroyed}) {
      if (json.is_string() && View(json.get_ref<const SecretString&>()) == KeyStatusName(known)) {
        *status = known;
        return true;
      }
    }
    return Refuse("must be enabled, disabled or destroyed");
  }

  bool ReadKey(const char* member, const SecretJson& json, SecretKey* key) {
    Path at(this, member);
    constexpr const char* kRule = "must be 32 bytes in base64 (44 characters)";
    if (!json.is_string()) return Refuse(kRule);
    std::string_view text = View(json.get_ref<const SecretString&>());
    if (text.size() != Base64Size(Base64::kStandard, SecretKey::kSize)) return Refuse(kRule);
    uint8_t bytes[SecretKey::kSize + 4];
    size_t size = 0;
    bool valid = DecodeBase64(Base64::kStandard, text, bytes, &size) && size == SecretKey::kSize;
    if (valid) std::copy_n(bytes, size, key->Expose().data());
    Wipe(bytes);
    return valid || Refuse(kRule);
  }

  bool ReadClasses(const SecretJson& json, Keyring* keyring) {
    Path at(this, "classes");
    if (!json.is_array()) return Refuse("must be an array");
    size_t index = 0;
    for (const SecretJson& entry : json) {
      Path at_index(this, std::to_string(index++));
      PiiClass pii_class{};
      if (!ReadClass(entry, &pii_class)) return false;
      auto same_id = [&](const PiiClass& other) { return other.id == pii_class.id; };
      auto same_name = [&](const PiiClass& other) { return other.name() == pii_class.name(); };
      std::span<const PiiClass> builtin = BuiltinClasses();
      if (std::any_of(keyring->classes.begin(), keyring->classes.end(), same_id)) {
        return Refuse("another class has this id");
      }
      if (std::any_of(keyring->classes.begin(), keyring->classes.end(), same_name) ||
          std::any_of(builtin.begin(), builtin.end(), same_name)) {
        return Refuse("another class has this name");
      }
      keyring->classes.push_back(pii_class);
    }
    return true;
  }

  bool ReadClass(const SecretJson& json, PiiClass* pii_class) {
    if (!HasOnly(json, {"id", "name", "normalize", "mask"}, {"transforms"})) return false;
    {
      Path at(this, "id");
      if (!ReadNumber(json["id"], kFirstCustomClass, UINT16_MAX, &pii_class->id)) {
        return Refuse("must be a number from 1000 to 65535");
      }
    }
    {
      Path at(this, "name");
      if (!json["name"].is_string()) return Refuse("must be a string");
      std::string_view name = View(json["name"].get_ref<const SecretString&>());
      if (!IsIdentifier(name)) return Refuse("must be 1 to 63 of a-z 0-9 _, the first no digit");
      name.copy(pii_class->name_text, PiiClass::kMaxNameSize);
    }
    {
      Path at(this, "normalize");
      const SecretJson& normalizer = json["normalize"];
      if (!normalizer.is_string() ||
          !NormalizerByName(View(normalizer.get_ref<const SecretString&>()), &pii_class->normalizer)) {
        return Refuse(
            "must be none, nfc, name, email, address, plus_digits, digits, alphanumeric, iso_date or "
            "ip_address");
      }
    }
    pii_class->mask = MaskRule::kKeep;
    pii_class->shape = Shape::kAny;
    return ReadMask(json, pii_class) && ReadTransforms(json, pii_class);
  }

  bool ReadMask(const SecretJson& json, PiiClass* pii_class) {
    Path at(this, "mask");
    const SecretJson& mask = json["mask"];
    return HasOnly(mask, {}, {"keep_first", "keep_last"}) &&
           ReadKeep(mask, "keep_first", &pii_class->keep_first) &&
           ReadKeep(mask, "keep_last", &pii_class->keep_last);
  }

  bool ReadTransforms(const SecretJson& json, PiiClass* pii_class) {
    if (!json.contains("transforms")) return true;
    Path at(this, "transforms");
    const SecretJson& transforms = json["transforms"];
    if (!transforms.is_array()) return Refuse("must be an array");
    if (pii_class->normalizer == Normalizer::kNone && !transforms.empty()) {
      return Refuse("must be empty for a class that is never searched (normalize: none)");
    }
    size_t index = 0;
    for (const SecretJson& entry : transforms) {
      Path at_index(this, std::to_string(index++));
      Transform transform;
      if (!entry.is_string() || !TransformByName(View(entry.get_ref<const SecretString&>()), &transform) ||
          transform == Transform::kExact) {
        return Refuse("must be last4, domain, local, year, first3, initials or word");
      }
      if ((pii_class->transforms & Just(transform)) != 0) return Refuse("listed twice");
      pii_class->transforms |= Just(transform);
    }
    return true;
  }

  bool ReadKeep(const SecretJson& mask, const char* member, uint8_t* count) {
    if (!mask.contains(member)) return true;
    Path at(this, member);
    return ReadNumber(mask[member], 0, UINT8_MAX, count) || Refuse("must be a number from 0 to 255");
  }

  std::string* problem_;
  std::string path_;
};

SecretString EncodeKey(const SecretKey& key) {
  SecretString text(Base64Size(Base64::kStandard, SecretKey::kSize) + 4, '\0');
  EncodeBase64(Base64::kStandard, key.Expose(), text);
  text.resize(Base64Size(Base64::kStandard, SecretKey::kSize));
  return text;
}

SecretJson FormatKeySet(const KeySet& keys) {
  SecretJson versions = SecretJson::object();
  for (const auto& [version, key] : keys.versions) {
    SecretJson entry = SecretJson::object();
    entry["status"] = Secret(KeyStatusName(key.status));
    if (key.status != KeyStatus::kDestroyed) entry["key"] = EncodeKey(key.key);
    entry["created"] = Secret(FormatTimestamp(key.created));
    versions[Secret(std::to_string(version))] = std::move(entry);
  }
  SecretJson json = SecretJson::object();
  json["primary"] = keys.primary;
  json["keys"] = std::move(versions);
  return json;
}

}  // namespace

bool ParseKeyring(std::string_view json, Keyring* keyring, std::string* problem) {
  *keyring = Keyring();
  SecretJson document;
  return ParseSecretJson(json, &document, problem) && Reader(problem).ReadKeyring(document, keyring);
}

SecretString FormatKeyring(const Keyring& keyring) {
  SecretJson domains = SecretJson::object();
  for (const auto& [name, domain] : keyring.domains) {
    SecretJson entry = SecretJson::object();
    entry["seal"] = FormatKeySet(domain.seal);
    entry["blind_index"] = FormatKeySet(domain.blind_index);
    entry["hash_key"] = EncodeKey(domain.hash_key);
    domains[Secret(name)] = std::move(entry);
  }
  SecretJson classes = SecretJson::array();
  for (const PiiClass& custom : keyring.classes) {
    SecretJson mask = SecretJson::object();
    if (custom.keep_first > 0) mask["keep_first"] = custom.keep_first;
    if (custom.keep_last > 0) mask["keep_last"] = custom.keep_last;
    SecretJson entry = SecretJson::object();
    entry["id"] = custom.id;
    entry["name"] = Secret(custom.name());
    entry["normalize"] = Secret(NormalizerName(custom.normalizer));
    entry["mask"] = std::move(mask);
    SecretJson transforms = SecretJson::array();
    for (Transform transform : kTransforms) {
      if ((custom.transforms & Just(transform)) != 0) transforms.push_back(Secret(TransformName(transform)));
    }
    if (!transforms.empty()) entry["transforms"] = std::move(transforms);
    classes.push_back(std::move(entry));
  }
  SecretJson document = SecretJson::object();
  document[kMagic] = 1;
  document["domains"] = std::move(domains);
  if (!keyring.classes.empty()) document["classes"] = std::move(classes);
  SecretString text = document.dump(2);
  text += '\n';
  return text;
}

}  // namespace pii
