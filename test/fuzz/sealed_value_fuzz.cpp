// ParseSealedValue and Protector::Reveal. The keys are random, so no input can be authentic by itself: an
// input that opens is a forgery. What has to open is sealed here, from the input, and then damaged.

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "check.h"
#include "key_derivation.h"
#include "key_table.h"
#include "protect.h"
#include "random.h"
#include "sealed_value.h"

namespace {

using namespace pii;

constexpr uint8_t kUntouched = 0xA5;
constexpr std::string_view kDomain = "default";
constexpr uint16_t kVersion = 1;

/// Takes bytes off the front of the input; zeros when there are none left.
class Input {
 public:
  explicit Input(ByteView bytes) : bytes_(bytes) {}

  uint8_t Byte() {
    if (bytes_.empty()) return 0;
    uint8_t byte = bytes_[0];
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  uint16_t Number() { return static_cast<uint16_t>(Byte() << 8 | Byte()); }
  ByteView Bytes(size_t most) {
    ByteView taken = bytes_.first(std::min(most, bytes_.size()));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }
  ByteView Rest() const { return bytes_; }

 private:
  ByteView bytes_;
};

struct Keys {
  Keys() : table(std::make_unique<KeyTable>()) {
    Keyring keyring;
    std::string problem;
    Check(AddDomain(&keyring, kDomain, 0) == Status::kOk, "a domain is made");
    Check(BuildKeyTable(keyring, table.get(), &problem), "the key table is built");
    Check(protector.Attach(*table, kDomain) == Status::kOk, "the domain is attached");
    for (const PiiClass& pii_class : BuiltinClasses()) {
      Check(protector.Prepare(*table, {Purpose::kSeal, pii_class.id, kVersion}) == Status::kOk,
            "a key is prepared");
    }
  }

  /// The key of a class without Protector around it, for values that Protector would never write.
  void Seal(uint8_t format, uint16_t class_id, ByteView plaintext, ByteSpan sealed) {
    SecretKey derived;
    XaesKey xaes;
    const KeyTable::Key* root = table->FindKey(table->domains[0], Purpose::kSeal, kVersion);
    auto header = sealed.first<SealedValue::kHeaderSize>();
    auto nonce = sealed.subspan<SealedValue::kHeaderSize, kNonceSize>();
    WriteHeader(format, class_id, kVersion, header);
    Check(
        DeriveKey(root->material, Purpose::kSeal, class_id, kDomain, &derived) == Status::kOk &&
            xaes.Init(derived.Expose()) == Status::kOk && FillRandom(nonce) == Status::kOk &&
            xaes.Seal(nonce, header, {}, plaintext, sealed.subspan(SealedValue::kPrefixSize)) == Status::kOk,
        "a value is sealed");
  }

  std::unique_ptr<KeyTable> table;
  Protector protector;
};

bool AllAre(ByteView bytes, uint8_t expected) {
  return std::all_of(bytes.begin(), bytes.end(), [expected](uint8_t byte) { return byte == expected; });
}

/// Parses and reveals `stored` and checks the buffer; `plaintext` is what came out.
Status Reveal(Protector* protector, ByteView stored, ByteView context, std::vector<uint8_t>* plaintext) {
  SealedValue value;
  Status status = ParseSealedValue(stored, &value);
  if (status != Status::kOk) {
    Check(status == Status::kNotSealed || status == Status::kTruncated || status == Status::kUnknownFormat ||
              status == Status::kVersionZero,
          "the parser fails with one of its four statuses");
    return status;
  }
  Check(stored.size() == SealedValue::kPrefixSize + value.body.size() &&
            value.body.data() + value.body.size() == stored.data() + stored.size(),
        "the parts are the whole value");

  plaintext->assign(value.plaintext_bound(), kUntouched);
  size_t size = 0;
  status = protector->Reveal(value, context, *plaintext, &size);
  if (status == Status::kOk) {
    Check(size <= plaintext->size(), "the plaintext fits its bound");
    plaintext->resize(size);
    return status;
  }
  Check(size == 0, "there is no plaintext after a failure");
  bool decrypted = status == Status::kAuthenticationFailed || status == Status::kBadPadding;
  Check(AllAre(*plaintext, 0) || (!decrypted && AllAre(*plaintext, kUntouched)),
        "after a failure the buffer is wiped, or was never written to");
  if (status == Status::kKeyNotPrepared) {
    const KeyRef& missing = protector->missing();
    Check(missing.purpose == Purpose::kSeal && missing.class_id == value.class_id &&
              missing.version == value.key_version,
          "the missing key is the one the header names");
  }
  return status;
}

void OpenAsItIs(Keys* keys, ByteView stored) {
  const uint8_t context[] = {1};
  std::vector<uint8_t> plaintext;
  Check(Reveal(&keys->protector, stored, {}, &plaintext) != Status::kOk, "a forgery does not open");
  Check(Reveal(&keys->protector, stored, context, &plaintext) != Status::kOk,
        "a forgery does not open with a context");
}

void SealAndDamage(Keys* keys, Input input) {
  uint16_t class_id = input.Byte() % BuiltinClasses().size();
  SealOptions options;
  options.pad_to = input.Byte() % 70;
  ByteView context = input.Bytes(input.Byte() % 8);
  options.context = context;
  size_t position = input.Number();
  uint8_t change = input.Byte();
  ByteView plaintext = input.Rest();

  std::vector<uint8_t> sealed(Protector::SealedSize(plaintext.size(), options));
  Status status = keys->protector.Seal(class_id, plaintext, sealed, options);
  if (status == Status::kMaskedValue) return;
  Check(status == Status::kOk, "a value is sealed");
  std::vector<uint8_t> revealed;
  Check(Reveal(&keys->protector, sealed, context, &revealed) == Status::kOk, "what was sealed opens");
  Check(std::equal(revealed.begin(), revealed.end(), plaintext.begin(), plaintext.end()),
        "what was sealed comes back");

  std::vector<uint8_t> damaged = sealed;
  damaged[position % damaged.size()] ^= change;
  if (change != 0) {
    Check(Reveal(&keys->protector, damaged, context, &revealed) != Status::kOk,
          "a changed byte does not open");
  }
  damaged = sealed;
  damaged.resize(position % sealed.size());
  Check(Reveal(&keys->protector, damaged, context, &revealed) != Status::kOk, "a cut value does not open");
  damaged = sealed;
  damaged.push_back(change);
  Check(Reveal(&keys->protector, damaged, context, &revealed) != Status::kOk, "a longer value does not open");
  std::vector<uint8_t> other_context(context.begin(), context.end());
  other_context.push_back(change);
  Check(Reveal(&keys->protector, sealed, other_context, &revealed) != Status::kOk,
        "another context does not open it");
}

/// Authentic, and flagged as padded whatever it ends with.
void OpenWithAnyPadding(Keys* keys, ByteView padded) {
  std::vector<uint8_t> sealed(padded.size() + SealedValue::kOverhead);
  keys->Seal(SealedValue::kXaes256Gcm | SealedValue::kPadded, kTextClass, padded, sealed);
  std::vector<uint8_t> plaintext;
  Status status = Reveal(&keys->protector, sealed, {}, &plaintext);
  auto last = std::find_if(padded.rbegin(), padded.rend(), [](uint8_t byte) { return byte != 0; });
  if (last == padded.rend() || *last != 0x80) {
    Check(status == Status::kBadPadding, "wrong padding is refused");
    return;
  }
  auto size = static_cast<size_t>(padded.rend() - last) - 1;
  Check(status == Status::kOk && plaintext.size() == size &&
            std::equal(plaintext.begin(), plaintext.end(), padded.begin()),
        "right padding is removed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Keys* const kKeys = new Keys;
  OpenAsItIs(kKeys, {data, size});
  SealAndDamage(kKeys, Input({data, size}));
  OpenWithAnyPadding(kKeys, {data, size});
  return 0;
}
