#pragma once

#include <initializer_list>
#include <iosfwd>
#include <random>
#include <string>
#include <string_view>

#include "keyring.h"
#include "pii_class.h"
#include "vectors.h"

namespace pii {

/// For the messages of GoogleTest.
void PrintTo(const PiiClass& pii_class, std::ostream* out);
void PrintTo(Transform transform, std::ostream* out);

namespace test {

/// Specimens gives test values. The sequence depends on the seed alone, so a failure can be run again.
class Specimens {
 public:
  explicit Specimens(uint64_t seed) : engine_(seed) {}

  /// A number below `bound`.
  size_t Below(size_t bound) { return engine_() % bound; }
  bool OneIn(size_t count) { return Below(count) == 0; }

  template <typename T, size_t kCount>
  const T& Pick(const T (&choices)[kCount]) {
    return choices[Below(kCount)];
  }

  Bytes RandomBytes(size_t size);
  /// Up to `most` bytes, mostly of the characters that matter to a parser of this project.
  std::string RandomText(size_t most);
  /// `text` with one to three bytes changed, removed, inserted or repeated.
  std::string Mutation(std::string text);
  /// A value as people write it for a class with this mask: valid UTF-8, in many spellings.
  std::string Realistic(MaskRule rule);
  /// Realistic values, their masks and ruins of both: asterisks, brackets, odd spaces, cut or joined.
  std::string Hostile(MaskRule rule);
  std::string Digits(size_t count);

 private:
  std::string Name();
  std::string Separated(const std::string& characters, size_t odds);

  std::mt19937_64 engine_;
};

/// Utf8 encodes one code point.
std::string Utf8(char32_t code_point);

size_t CountCodePoints(std::string_view text);

PiiClass BuiltinClass(std::string_view name);
PiiClass KeepClass(uint8_t keep_first, uint8_t keep_last);

/// CustomClass gives a custom class with this normaliser that allows every transform; its id is 1000 and the
/// enumerator, its name `custom_` and the normaliser's.
PiiClass CustomClass(Normalizer normalizer);

/// SearchableClasses: the built-in ones but secret, and CustomClass of every other normaliser.
std::vector<PiiClass> SearchableClasses();

/// The rule by whose Realistic and Hostile values to test how values of this class are searched.
MaskRule RealisticRule(const PiiClass& pii_class);

/// AllClasses: the built-in ones and custom ones with many keep_first and keep_last.
std::vector<PiiClass> AllClasses();

/// AddKey puts a key of 32 times `byte` into `keys`; the first one becomes primary.
void AddKey(KeySet* keys, uint16_t version, uint8_t byte, KeyStatus status = KeyStatus::kEnabled);

bool AllBytesAre(ByteView bytes, uint8_t byte);

}  // namespace test
}  // namespace pii
