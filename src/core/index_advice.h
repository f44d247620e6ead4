#pragma once

#include <cstdint>

#include "pii_class.h"

namespace pii {

/// ResultSpace estimates how many different results a transform has, over all values of any class: 10,000 for
/// last4, say. 0 where nothing is known.
double ResultSpace(Transform transform);

/// ResultSpace of a transform of one class; for kExact, the number of values the class can take.
double ResultSpace(const PiiClass& pii_class, Transform transform);

/// IndexAdvice says in numbers what a blind index shows to a reader of the disk who has no key.
struct IndexAdvice {
  double results;       ///< ResultSpace; 0: unknown, as good as unbounded
  double coincidences;  ///< rows expected to share one index value by chance; 0: unknown
  bool is_safe;         ///< 2 <= coincidences < sqrt(rows)
};

/// AdviseIndex follows CipherSweet's blind index planning (Paragon Initiative Enterprises,
/// ciphersweet.paragonie.com, "Blind Index Planning"): with R rows, an output of L bits (112 here) and a
/// result space of 2^K, C = R / 2^min(L, K) rows share a value by coincidence. With C below 2 an index value
/// stands for one person, so that who learns one learns the other; from sqrt(R) on, it finds too little. It
/// takes the results to be evenly spread, which personal data never is: of a skewed one the common results
/// stand out by their frequency whatever C is.
IndexAdvice AdviseIndex(const PiiClass& pii_class, Transform transform, double rows);

}  // namespace pii
