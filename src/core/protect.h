#pragma once

#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "blind_index.h"
#include "canary.h"
#include "key_table.h"
#include "sealed_value.h"
#include "status.h"

namespace pii {

/// KeyRef names one derived key of the attached domain.
struct KeyRef {
  Purpose purpose;
  uint16_t class_id;
  uint16_t version;
};

/// SealOptions are what the caller may add to a value. Context and padding are recorded in the format byte.
struct SealOptions {
  ByteView context;  ///< bound to the value: needed again to reveal it. Empty: none
  size_t pad_to =
      0;  ///< the plaintext is padded to a multiple of this many bytes, to hide its length. 0: not at all
  bool canary = false;  ///< the value is a decoy, and whoever reveals it is told so (CanaryMark)
  bool stored = false;  ///< the text was stored already, and is data even where it looks like a mask
};

/// Protector is the path of a value: text → class → key → sealed value, and back. One process has one; it is
/// attached to a domain of a key table and keeps the derived keys it has needed, prepared for the next value.
/// Not thread-safe.
///
/// The table is passed only to Attach and Prepare, so that the caller holds it still (a lock, in the server)
/// for those two and no longer. Every other call that lacks a key returns kKeyNotPrepared and changes
/// nothing; the caller then calls Prepare with missing() and calls again.
///
/// It does not protect: the length of a value (unless padded), equality once indexed, or anything from a
/// reader of the process's memory.
class Protector {
 public:
  /// Attach runs the self-test, forgets every key and takes over the domain's primary versions and the custom
  /// classes. Fails with kUnknownDomain, kSelfTestFailed; the protector is then attached to nothing.
  Status Attach(const KeyTable& table, std::string_view domain);

  /// Prepare derives one key. Fails with kUnknownKeyVersion, kKeyDisabled, kKeyDestroyed, kUnknownDomain.
  Status Prepare(const KeyTable& table, const KeyRef& key);
  const KeyRef& missing() const { return missing_; }

  const PiiClass* FindClass(uint16_t id) const;
  const PiiClass* FindClass(std::string_view name) const;
  std::span<const PiiClass> custom_classes() const { return custom_classes_; }
  uint16_t seal_primary() const { return seal_primary_; }

  /// SealedSize returns the size in bytes of the sealed value of `plaintext_size` bytes: 46 more, and the
  /// padding.
  static size_t SealedSize(size_t plaintext_size, const SealOptions& options = {});

  /// CheckData refuses what is no data: a value that is its own mask, or a redacted form, is kMaskedValue.
  /// Seal asks it about its plaintext. Whoever seals a value within other text, a JSON string, asks it
  /// himself.
  Status CheckData(uint16_t class_id, std::string_view value) const;

  /// Seal writes the sealed value of `plaintext` (valid UTF-8, not checked here) under the primary version to
  /// `sealed`, which has exactly SealedSize bytes and is wiped on failure. A value that is its own mask is
  /// kMaskedValue, unless the options say that it was stored.
  Status Seal(uint16_t class_id, ByteView plaintext, ByteSpan sealed, const SealOptions& options = {});

  /// Reveal authenticates and decrypts into `plaintext`, which has exactly value.plaintext_bound() bytes and
  /// is wiped unless the result is kOk or kKeyNotPrepared. `*size` is the size of the plaintext in bytes.
  /// `*is_canary`, where it is asked for, tells whether the value was sealed as a canary; false unless kOk.
  Status Reveal(const SealedValue& value, ByteView context, ByteSpan plaintext, size_t* size,
                bool* is_canary = nullptr);

  /// Rewrap seals the value again under the primary version with a fresh nonce; class, padding and context
  /// stay, and a canary stays one. `sealed` has as many bytes as the value was parsed from and may not
  /// overlap them; it is wiped on failure.
  Status Rewrap(const SealedValue& value, ByteView context, ByteSpan sealed);

  /// index_versions returns the enabled index versions, the primary one first. A search asks for each of
  /// them, so that it misses nothing while keys rotate.
  std::span<const uint16_t> index_versions() const { return index_versions_; }

  /// Operand is a value in UTF-8, and its class. A value of class text, or text that has no class yet, takes
  /// the class of what it is compared with.
  struct Operand {
    uint16_t class_id;
    std::string_view plaintext;
  };

  /// IndexValue computes the blind index value of a stored value under an index version; its class is that of
  /// the column. `scratch` takes the form that is hashed (NormalizedBound) and is wiped. Errors of IndexForm.
  Status IndexValue(uint16_t class_id, uint16_t version, Transform transform, std::string_view plaintext,
                    std::span<char> scratch, BlindIndexValue* value);

  /// QueryValue computes the blind index value to look for in columns of `class_id`: of a value of that class
  /// or of class text, by the class's rules (QueryForm); of any other, of its own normalised form, as Equal
  /// compares it; which an index of class text cannot serve (kNotSearchable). Otherwise like IndexValue.
  Status QueryValue(uint16_t class_id, uint16_t version, Transform transform, const Operand& sought,
                    std::span<char> scratch, BlindIndexValue* value);

  /// IndexWords computes a value for each word, in the order of the text, repeated words too. `*count` is how
  /// many there are; with kBufferTooSmall it is how many `words` must take. Otherwise like IndexValue.
  Status IndexWords(uint16_t class_id, uint16_t version, std::string_view plaintext, std::span<char> scratch,
                    std::span<BlindIndexValue> words, size_t* count);

  /// Equal tells whether two values are equal: their normalised forms are, each by its own class. `scratch`
  /// takes both forms (NormalizedBound each) and is wiped; it stays as it was where values of one class are
  /// spelled alike, as most that hash joins compare. Fails with kNotSearchable, kUnknownClass, kInvalidUtf8.
  Status Equal(const Operand& left, const Operand& right, std::span<char> scratch, bool* equal);

  /// Hash computes a keyed hash that is the same for values that Equal finds equal. It lives within a
  /// statement or in a hash index; its key does not rotate. Errors of Equal.
  Status Hash(const Operand& operand, uint64_t* hash);

 private:
  struct SealKey {
    XaesKey xaes;
    NonceSource nonces;
    CanaryMark canaries;

    Status NextNonce(bool canary, std::span<uint8_t, kNonceSize> nonce) {
      if (!canary) return nonces.Next(nonce);
      Status status = nonces.NextForCanary(nonce);
      return status == Status::kOk ? canaries.Mark(nonce) : status;
    }
  };

  void ForgetKeys();
  void ForgetKeysOfParent();
  Status FindSealKey(uint16_t class_id, uint16_t version, SealKey** key);
  Status PrepareHashKey(std::span<const uint8_t, SecretKey::kSize> root);
  Status FindIndexKey(const KeyRef& ref, BlindIndexKey** key);
  /// The redacted form of any class: what was shown of another column is no data either.
  bool IsRedacted(std::string_view text) const;
  /// Is a value its own mask, or a redacted form?
  bool IsMaskOf(const PiiClass& pii_class, std::string_view value) const;
  Status Missing(const KeyRef& key);

  std::string domain_;
  uint16_t seal_primary_ = 0;
  std::vector<uint16_t> index_versions_;
  std::vector<PiiClass> custom_classes_;
  KeyRef missing_{};

  std::unordered_map<uint32_t, std::unique_ptr<SealKey>> seal_keys_;
  std::unordered_map<uint32_t, std::unique_ptr<BlindIndexKey>> blind_index_keys_;
  std::unique_ptr<BlindIndexKey> hash_key_;
  // A column is one class and mostly one version, and a row has few such columns: the last key of a class is
  // nearly always the next one. By class.
  struct RecentKey {
    uint32_t id = 0;
    SealKey* key = nullptr;
  };
  std::array<RecentKey, 16> recent_seal_keys_;
  uint32_t fork_generation_ = 0;
};

}  // namespace pii
