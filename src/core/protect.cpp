#include "protect.h"

#include <algorithm>
#include <cstring>

#include "mask.h"
#include "normalize.h"
#include "search_form.h"
#include "self_test.h"
#include "shape.h"

namespace pii {
namespace {

constexpr uint8_t kPaddingMark = 0x80;

uint32_t KeyId(uint16_t class_id, uint16_t version) {
  return static_cast<uint32_t>(class_id) << 16 | version;
}

size_t PaddedSize(size_t size, size_t pad_to) { return pad_to == 0 ? size : (size / pad_to + 1) * pad_to; }

/// ISO/IEC 7816-4 padding: 0x80 and as many 0x00 as it takes. Gives the size without it.
Status RemovePadding(ByteView padded, size_t* size) {
  size_t end = padded.size();
  while (end > 0 && padded[end - 1] == 0x00) --end;
  if (end == 0 || padded[end - 1] != kPaddingMark) return Status::kBadPadding;
  *size = end - 1;
  return Status::kOk;
}

/// Blanks around a mask make no data of it.
std::string_view TrimBlanks(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool IsMaskedValue(const PiiClass& pii_class, std::string_view value) {
  if (!MayBeMask(value)) return false;
  SecretString scratch(MaskBound(value.size()), '\0');
  return IsMask(pii_class, value, scratch);
}

/// How much of two texts is the same does not show in the time this takes.
bool IsSameText(std::string_view left, std::string_view right) {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

void WipeText(std::span<char> text) { Wipe({reinterpret_cast<uint8_t*>(text.data()), text.size()}); }

}  // namespace

void Protector::ForgetKeys() {
  seal_keys_.clear();
  blind_index_keys_.clear();
  hash_key_.reset();
  recent_seal_keys_ = {};
  fork_generation_ = ForkGeneration();
}

void Protector::ForgetKeysOfParent() {
  if (fork_generation_ != ForkGeneration()) ForgetKeys();
}

Status Protector::Attach(const KeyTable& table, std::string_view domain) {
  ForgetKeys();
  // Nothing of the old domain either: a caller that goes on after a failure must not seal for it.
  domain_.clear();
  seal_primary_ = 0;
  index_versions_.clear();
  custom_classes_.clear();
  Status status = RunSelfTest();
  if (status != Status::kOk) return status;
  const KeyTable::DomainEntry* entry = table.FindDomain(domain);
  if (entry == nullptr) return Status::kUnknownDomain;
  domain_ = domain;
  seal_primary_ = entry->seal_primary;
  index_versions_.assign(1, entry->blind_index_primary);
  for (const KeyTable::Key& key : table.KeysOf(*entry)) {
    bool also = key.purpose == Purpose::kBlindIndex && key.status == KeyStatus::kEnabled && !key.primary;
    if (also) index_versions_.push_back(key.version);
  }
  custom_classes_.assign(table.classes, table.classes + table.class_count);
  return Status::kOk;
}

Status Protector::Prepare(const KeyTable& table, const KeyRef& ref) {
  const KeyTable::DomainEntry* domain = table.FindDomain(domain_);
  if (domain == nullptr) return Status::kUnknownDomain;
  if (ref.purpose == Purpose::kExecutorHash) return PrepareHashKey(domain->hash_key);
  const KeyTable::Key* key = table.FindKey(*domain, ref.purpose, ref.version);
  if (key == nullptr) return Status::kUnknownKeyVersion;
  if (key->status == KeyStatus::kDisabled) return Status::kKeyDisabled;
  if (key->status == KeyStatus::kDestroyed) return Status::kKeyDestroyed;

  ForgetKeysOfParent();
  SecretKey derived;
  Status status = DeriveKey(key->material, ref.purpose, ref.class_id, domain_, &derived);
  if (status != Status::kOk) return status;
  if (ref.purpose == Purpose::kBlindIndex) {
    auto prepared = std::make_unique<BlindIndexKey>();
    status = prepared->Init(derived.Expose(), ref.version);
    if (status == Status::kOk) blind_index_keys_[KeyId(ref.class_id, ref.version)] = std::move(prepared);
    return status;
  }
  SecretKey mark_key;
  status = DeriveKey(key->material, Purpose::kAuditHash, ref.class_id, domain_, &mark_key);
  if (status != Status::kOk) return status;
  auto prepared = std::make_unique<SealKey>();
  status = prepared->xaes.Init(derived.Expose());
  if (status == Status::kOk) status = prepared->canaries.Init(mark_key.Expose());
  recent_seal_keys_ = {};  // the one that is replaced may be among them
  if (status == Status::kOk) seal_keys_[KeyId(ref.class_id, ref.version)] = std::move(prepared);
  return status;
}

Status Protector::PrepareHashKey(std::span<const uint8_t, SecretKey::kSize> root) {
  ForgetKeysOfParent();
  SecretKey derived;
  Status status = DeriveKey(root, Purpose::kExecutorHash, kTextClass, domain_, &derived);
  if (status != Status::kOk) return status;
  auto prepared = std::make_unique<BlindIndexKey>();
  status = prepared->Init(derived.Expose(), 0);
  if (status == Status::kOk) hash_key_ = std::move(prepared);
  return status;
}

const PiiClass* Protector::FindClass(uint16_t id) const {
  std::span<const PiiClass> builtin = BuiltinClasses();
  if (id < builtin.size()) return &builtin[id];
  auto found = std::find_if(custom_classes_.begin(), custom_classes_.end(),
                            [id](const PiiClass& custom) { return custom.id == id; });
  return found != custom_classes_.end() ? &*found : nullptr;
}

const PiiClass* Protector::FindClass(std::string_view name) const {
  auto has_name = [name](const PiiClass& candidate) { return candidate.name() == name; };
  std::span<const PiiClass> builtin = BuiltinClasses();
  auto found = std::find_if(builtin.begin(), builtin.end(), has_name);
  if (found != builtin.end()) return &*found;
  auto custom = std::find_if(custom_classes_.begin(), custom_classes_.end(), has_name);
  return custom != custom_classes_.end() ? &*custom : nullptr;
}

bool Protector::IsRedacted(std::string_view text) const {
  bool in_brackets = text.size() > 2 && text.front() == '[' && text.back() == ']';
  return in_brackets && FindClass(text.substr(1, text.size() - 2)) != nullptr;
}

Status Protector::Missing(const KeyRef& key) {
  missing_ = key;
  return Status::kKeyNotPrepared;
}

Status Protector::FindSealKey(uint16_t class_id, uint16_t version, SealKey** key) {
  ForgetKeysOfParent();
  uint32_t id = KeyId(class_id, version);
  RecentKey& recent = recent_seal_keys_[class_id % recent_seal_keys_.size()];
  if (recent.key == nullptr || recent.id != id) {
    auto found = seal_keys_.find(id);
    if (found == seal_keys_.end()) return Missing({Purpose::kSeal, class_id, version});
    recent = {id, found->second.get()};
  }
  *key = recent.key;
  return Status::kOk;
}

size_t Protector::SealedSize(size_t plaintext_size, const SealOptions& options) {
  return PaddedSize(plaintext_size, options.pad_to) + SealedValue::kOverhead;
}

bool Protector::IsMaskOf(const PiiClass& pii_class, std::string_view value) const {
  std::string_view trimmed = TrimBlanks(value);
  return IsMaskedValue(pii_class, trimmed) || IsRedacted(trimmed);
}

Status Protector::CheckData(uint16_t class_id, std::string_view value) const {
  const PiiClass* pii_class = FindClass(class_id);
  if (pii_class == nullptr) return Status::kUnknownClass;
  return IsMaskOf(*pii_class, value) ? Status::kMaskedValue : Status::kOk;
}

Status Protector::Seal(uint16_t class_id, ByteView plaintext, ByteSpan sealed, const SealOptions& options) {
  auto refuse = [sealed](Status status) {
    Wipe(sealed);
    return status;
  };
  const PiiClass* pii_class = FindClass(class_id);
  if (pii_class == nullptr) return refuse(Status::kUnknownClass);
  if (sealed.size() != SealedSize(plaintext.size(), options)) return refuse(Status::kBufferTooSmall);
  if (!options.stored && IsMaskOf(*pii_class, AsText(plaintext))) return refuse(Status::kMaskedValue);
  SealKey* key;
  Status status = FindSealKey(class_id, seal_primary_, &key);
  if (status != Status::kOk) return status;

  auto header = sealed.first<SealedValue::kHeaderSize>();
  auto nonce = sealed.subspan<SealedValue::kHeaderSize, kNonceSize>();
  ByteSpan body = sealed.subspan(SealedValue::kPrefixSize);
  uint8_t format = SealedValue::kXaes256Gcm;
  if (!options.context.empty()) format |= SealedValue::kContextBound;
  if (options.pad_to > 0) {
    format |= SealedValue::kPadded;
    ByteSpan padded = body.first(body.size() - XaesKey::kTagSize);
    std::copy(plaintext.begin(), plaintext.end(), padded.begin());
    std::fill(padded.begin() + static_cast<ptrdiff_t>(plaintext.size()), padded.end(), uint8_t{0});
    padded[plaintext.size()] = kPaddingMark;
    plaintext = padded;  // AES-GCM encrypts in place
  }
  WriteHeader(format, class_id, seal_primary_, header);
  status = key->NextNonce(options.canary, nonce);
  if (status == Status::kOk) status = key->xaes.Seal(nonce, header, options.context, plaintext, body);
  return status == Status::kOk ? status : refuse(status);
}

Status Protector::Reveal(const SealedValue& value, ByteView context, ByteSpan plaintext, size_t* size,
                         bool* is_canary) {
  *size = 0;
  if (is_canary != nullptr) *is_canary = false;
  auto refuse = [plaintext](Status status) {
    Wipe(plaintext);
    return status;
  };
  if (value.context_bound && context.empty()) return refuse(Status::kContextRequired);
  if (!value.context_bound && !context.empty()) return refuse(Status::kContextNotBound);
  if (plaintext.size() != value.plaintext_bound()) return refuse(Status::kBufferTooSmall);
  if (FindClass(value.class_id) == nullptr) return refuse(Status::kUnknownClass);
  SealKey* key;
  Status status = FindSealKey(value.class_id, value.key_version, &key);
  if (status != Status::kOk) return status;
  auto nonce = value.nonce.first<kNonceSize>();
  status = key->xaes.Open(nonce, value.header, context, value.body, plaintext);
  if (status != Status::kOk) return status;
  *size = plaintext.size();
  if (value.padded) status = RemovePadding(plaintext, size);
  if (status == Status::kOk && is_canary != nullptr) status = key->canaries.Find(nonce, is_canary);
  if (status == Status::kOk) return status;
  *size = 0;
  return refuse(status);
}

Status Protector::Rewrap(const SealedValue& value, ByteView context, ByteSpan sealed) {
  auto refuse = [sealed](Status status) {
    if (status != Status::kKeyNotPrepared) Wipe(sealed);
    return status;
  };
  if (sealed.size() != SealedValue::kPrefixSize + value.body.size()) return refuse(Status::kBufferTooSmall);
  // Both keys first: between Open and Seal there is plaintext in `sealed`.
  SealKey* to;
  Status status = FindSealKey(value.class_id, seal_primary_, &to);
  if (status != Status::kOk) return status;
  ByteSpan body = sealed.subspan(SealedValue::kPrefixSize);
  ByteSpan plaintext = body.first(value.plaintext_bound());
  size_t size;
  bool is_canary;
  status = Reveal(value, context, plaintext, &size, &is_canary);
  if (status != Status::kOk) return refuse(status);

  auto header = sealed.first<SealedValue::kHeaderSize>();
  auto nonce = sealed.subspan<SealedValue::kHeaderSize, kNonceSize>();
  WriteHeader(value.header[1], value.class_id, seal_primary_, header);
  status = to->NextNonce(is_canary, nonce);
  if (status == Status::kOk) status = to->xaes.Seal(nonce, header, context, plaintext, body);
  return status == Status::kOk ? status : refuse(status);
}

Status Protector::FindIndexKey(const KeyRef& ref, BlindIndexKey** key) {
  ForgetKeysOfParent();
  if (ref.purpose == Purpose::kExecutorHash) {
    *key = hash_key_.get();
  } else {
    auto found = blind_index_keys_.find(KeyId(ref.class_id, ref.version));
    *key = found != blind_index_keys_.end() ? found->second.get() : nullptr;
  }
  return *key != nullptr ? Status::kOk : Missing(ref);
}

Status Protector::IndexValue(uint16_t class_id, uint16_t version, Transform transform,
                             std::string_view plaintext, std::span<char> scratch, BlindIndexValue* value) {
  const PiiClass* pii_class = FindClass(class_id);
  if (pii_class == nullptr) return Status::kUnknownClass;
  if (!AllowsTransform(*pii_class, transform)) return Status::kNotSearchable;
  BlindIndexKey* key;
  Status status = FindIndexKey({Purpose::kBlindIndex, class_id, version}, &key);
  if (status != Status::kOk) return status;
  size_t size = 0;
  status = IndexForm(*pii_class, transform, plaintext, scratch, &size);
  if (status == Status::kOk) status = key->Hash(TransformName(transform), {scratch.data(), size}, value);
  WipeText(scratch);
  return status;
}

Status Protector::QueryValue(uint16_t class_id, uint16_t version, Transform transform, const Operand& sought,
                             std::span<char> scratch, BlindIndexValue* value) {
  const PiiClass* column_class = FindClass(class_id);
  const PiiClass* own_class = sought.class_id == kTextClass ? column_class : FindClass(sought.class_id);
  if (column_class == nullptr || own_class == nullptr) return Status::kUnknownClass;
  // A column of class text is indexed by NFC; equality with a value of another class is by that class's rule.
  bool is_comparable = column_class->id != kTextClass || own_class->id == kTextClass;
  if (!is_comparable || !AllowsTransform(*column_class, transform)) return Status::kNotSearchable;
  BlindIndexKey* key;
  Status status = FindIndexKey({Purpose::kBlindIndex, class_id, version}, &key);
  if (status != Status::kOk) return status;
  size_t size = 0;
  status = QueryForm(*own_class, transform, sought.plaintext, scratch, &size);
  if (status == Status::kOk) status = key->Hash(TransformName(transform), {scratch.data(), size}, value);
  WipeText(scratch);
  return status;
}

Status Protector::IndexWords(uint16_t class_id, uint16_t version, std::string_view plaintext,
                             std::span<char> scratch, std::span<BlindIndexValue> words, size_t* count) {
  *count = 0;
  const PiiClass* pii_class = FindClass(class_id);
  if (pii_class == nullptr) return Status::kUnknownClass;
  if (!AllowsTransform(*pii_class, Transform::kWord)) return Status::kNotSearchable;
  BlindIndexKey* key;
  Status status = FindIndexKey({Purpose::kBlindIndex, class_id, version}, &key);
  if (status != Status::kOk) return status;
  size_t size = 0;
  status = Normalize(*pii_class, plaintext, scratch, &size);
  std::string_view normalized(scratch.data(), size);
  for (size_t offset = 0; status == Status::kOk;) {
    std::string_view word = NextSearchWord(normalized, &offset);
    if (word.empty()) break;
    if (*count < words.size()) status = key->Hash(TransformName(Transform::kWord), word, &words[*count]);
    ++*count;
  }
  WipeText(scratch);
  return status == Status::kOk && *count > words.size() ? Status::kBufferTooSmall : status;
}

Status Protector::Equal(const Operand& left, const Operand& right, std::span<char> scratch, bool* equal) {
  *equal = false;
  const PiiClass* left_class = FindClass(left.class_id == kTextClass ? right.class_id : left.class_id);
  const PiiClass* right_class = FindClass(right.class_id == kTextClass ? left.class_id : right.class_id);
  if (left_class == nullptr || right_class == nullptr) return Status::kUnknownClass;
  if (left_class == right_class && IsSameText(left.plaintext, right.plaintext)) {
    if (!AllowsTransform(*left_class, Transform::kExact)) return Status::kNotSearchable;
    *equal = IsValidUtf8(left.plaintext);
    return *equal ? Status::kOk : Status::kInvalidUtf8;
  }
  size_t left_size = 0;
  size_t right_size = 0;
  Status status = Normalize(*left_class, left.plaintext, scratch, &left_size);
  std::span<char> rest = status == Status::kOk ? scratch.subspan(left_size) : std::span<char>();
  if (status == Status::kOk) status = Normalize(*right_class, right.plaintext, rest, &right_size);
  *equal = status == Status::kOk && IsSameText({scratch.data(), left_size}, {rest.data(), right_size});
  WipeText(scratch);
  return status;
}

Status Protector::Hash(const Operand& operand, uint64_t* hash) {
  const PiiClass* pii_class = FindClass(operand.class_id);
  if (pii_class == nullptr) return Status::kUnknownClass;
  if (!AllowsTransform(*pii_class, Transform::kExact)) return Status::kNotSearchable;
  BlindIndexKey* key;
  Status status = FindIndexKey({Purpose::kExecutorHash, kTextClass, 0}, &key);
  if (status != Status::kOk) return status;
  SecretString form;
  status = HashForm(operand.plaintext, &form);
  if (status != Status::kOk) return status;
  BlindIndexValue value;
  status = key->Hash({}, form, &value);
  if (status == Status::kOk) std::memcpy(hash, value.data() + 2, sizeof *hash);
  return status;
}

}  // namespace pii
