#pragma once

#include <cstdio>
#include <cstdlib>

/// Check stops the fuzzer at an input that breaks `rule`; libFuzzer then keeps the input. Not assert: NDEBUG
/// would remove it.
inline void Check(bool holds, const char* rule) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", rule);
  std::abort();
}
