#include "secret.h"

#include <gtest/gtest.h>

#include <new>

#include "specimen.h"

namespace pii {
namespace {

TEST(SecretKey, LeavesNothingBehindWhenItDies) {
  alignas(SecretKey) uint8_t memory[sizeof(SecretKey)];
  auto* key = new (memory) SecretKey;
  std::fill(key->Expose().begin(), key->Expose().end(), uint8_t{0x77});
  key->~SecretKey();
  EXPECT_TRUE(test::AllBytesAre(memory, 0));
}

TEST(SecretKey, LeavesNothingBehindWhenMoved) {
  SecretKey from;
  std::fill(from.Expose().begin(), from.Expose().end(), uint8_t{0x77});
  SecretKey to = std::move(from);
  EXPECT_TRUE(test::AllBytesAre(to.Expose(), 0x77));
  EXPECT_TRUE(test::AllBytesAre(from.Expose(), 0));  // NOLINT(bugprone-use-after-move): that is the question
}

TEST(SecretKey, BeginsEmpty) {
  SecretKey key;
  EXPECT_TRUE(test::AllBytesAre(key.Expose(), 0));
}

TEST(Wipe, TakesAnEmptySpan) {
  Wipe({});
  uint8_t bytes[] = {1, 2, 3};
  Wipe(ByteSpan(bytes).first(2));
  EXPECT_EQ(bytes[0], 0);
  EXPECT_EQ(bytes[1], 0);
  EXPECT_EQ(bytes[2], 3);
}

}  // namespace
}  // namespace pii
