#include "random.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "specimen.h"

namespace pii {
namespace {

using Nonce = std::array<uint8_t, kNonceSize>;

Nonce Next(NonceSource* source) {
  Nonce nonce{};
  EXPECT_EQ(source->Next(nonce), Status::kOk);
  return nonce;
}

Nonce NextForCanary(NonceSource* source) {
  Nonce nonce{};
  EXPECT_EQ(source->NextForCanary(nonce), Status::kOk);
  return nonce;
}

bool SamePrefix(const Nonce& a, const Nonce& b) {
  return std::equal(a.begin(), a.begin() + kNoncePrefixSize, b.begin());
}

/// What `produce` writes in a child process.
template <typename T, typename Produce>
T InChild(Produce produce) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0) {
    T made = produce();
    _exit(write(ends[1], &made, sizeof made) == sizeof made ? 0 : 1);
  }
  close(ends[1]);
  T received{};
  EXPECT_EQ(read(ends[0], &received, sizeof received), static_cast<ssize_t>(sizeof received));
  close(ends[0]);
  int wait_status = 0;
  EXPECT_EQ(waitpid(child, &wait_status, 0), child);
  EXPECT_EQ(wait_status, 0);
  return received;
}

TEST(NonceSource, GivesAMillionNoncesWithoutARepeat) {
  NonceSource source;
  std::vector<Nonce> nonces(1'000'000);
  for (Nonce& nonce : nonces) nonce = Next(&source);
  std::sort(nonces.begin(), nonces.end());
  EXPECT_TRUE(std::adjacent_find(nonces.begin(), nonces.end()) == nonces.end());
}

TEST(NonceSource, GivesSecondHalvesWithoutARepeat) {
  NonceSource source;
  std::vector<std::array<uint8_t, 12>> halves(NonceSource::kValuesPerPrefix);
  for (auto& half : halves) {
    Nonce nonce = Next(&source);
    std::copy(nonce.begin() + kNoncePrefixSize, nonce.end(), half.begin());
  }
  std::sort(halves.begin(), halves.end());
  EXPECT_TRUE(std::adjacent_find(halves.begin(), halves.end()) == halves.end());
}

TEST(NonceSource, ChangesThePrefixAfterExactly65536Values) {
  NonceSource source;
  for (int round = 0; round < 3; ++round) {
    Nonce first = Next(&source);
    for (int i = 1; i < 65536; ++i) ASSERT_TRUE(SamePrefix(Next(&source), first)) << i;
    // The 65,537th opens the next round; its prefix must be new.
    NonceSource copy = source;
    ASSERT_FALSE(SamePrefix(Next(&copy), first));
  }
}

TEST(NonceSource, ChangesThePrefixAfterExactly256Canaries) {
  for (int values_between : {0, 3}) {
    NonceSource source;
    for (int round = 0; round < 3; ++round) {
      Nonce first = NextForCanary(&source);
      for (int i = 1; i < 256; ++i) {
        for (int j = 0; j < values_between; ++j) ASSERT_TRUE(SamePrefix(Next(&source), first)) << i;
        ASSERT_TRUE(SamePrefix(NextForCanary(&source), first)) << i;
      }
      // Other values go on with it, the next canary does not, and neither do the values behind that.
      ASSERT_TRUE(SamePrefix(Next(&source), first));
      NonceSource copy = source;
      Nonce canary = NextForCanary(&copy);
      ASSERT_FALSE(SamePrefix(canary, first));
      ASSERT_TRUE(SamePrefix(Next(&copy), canary));
    }
  }
}

TEST(NonceSource, CountsCanariesAsValuesOfThePrefix) {
  NonceSource source;
  for (int round = 0; round < 3; ++round) {
    Nonce first = NextForCanary(&source);
    for (int i = 1; i < 65536; ++i) {
      Nonce next = i % 1000 == 0 ? NextForCanary(&source) : Next(&source);
      ASSERT_TRUE(SamePrefix(next, first)) << i;
    }
    NonceSource copy = source;
    ASSERT_FALSE(SamePrefix(Next(&copy), first));
    copy = source;
    ASSERT_FALSE(SamePrefix(NextForCanary(&copy), first));
  }
}

TEST(NonceSource, CountsTheCanariesOfEachPrefixAnew) {
  NonceSource source;
  for (int i = 0; i < 65536; ++i) i < 200 ? NextForCanary(&source) : Next(&source);
  Nonce first = NextForCanary(&source);
  for (int i = 1; i < 256; ++i) ASSERT_TRUE(SamePrefix(NextForCanary(&source), first)) << i;
  EXPECT_FALSE(SamePrefix(NextForCanary(&source), first));
}

TEST(NonceSource, SharesNoPrefixWithAnotherSource) {
  NonceSource one, other;
  EXPECT_FALSE(SamePrefix(Next(&one), Next(&other)));
}

TEST(NonceSource, GivesAChildOtherNoncesThanItsParent) {
  NonceSource source;
  Nonce before = Next(&source);
  Nonce child = InChild<Nonce>([&] { return Next(&source); });
  Nonce parent = Next(&source);
  EXPECT_NE(child, parent);
  EXPECT_FALSE(SamePrefix(child, parent));
  EXPECT_FALSE(SamePrefix(child, before));
  EXPECT_TRUE(SamePrefix(parent, before));
}

TEST(NonceSource, GivesTheCanariesOfAChildAnotherPrefix) {
  NonceSource source;
  Nonce before = NextForCanary(&source);
  Nonce child = InChild<Nonce>([&] { return NextForCanary(&source); });
  Nonce parent = NextForCanary(&source);
  EXPECT_FALSE(SamePrefix(child, before));
  EXPECT_TRUE(SamePrefix(parent, before));
  EXPECT_NE(parent, before);
}

TEST(FillRandom, GivesAChildOtherBytesThanItsParent) {
  Nonce warm_up{};
  ASSERT_EQ(FillRandom(warm_up), Status::kOk);
  auto draw = [] {
    Nonce drawn{};
    (void)FillRandom(drawn);
    return drawn;
  };
  Nonce one = InChild<Nonce>(draw);
  Nonce other = InChild<Nonce>(draw);
  EXPECT_NE(one, draw());
  EXPECT_NE(one, other);
}

TEST(FillRandom, FillsEveryByteUpToThePool) {
  for (size_t size : {1, 12, 24, 4095, 4096}) {
    test::Bytes touched(size, 0);
    // A byte that stays 0 in 64 drawings was not written: the chance of that by accident is 2^-512 each.
    for (int i = 0; i < 64; ++i) {
      test::Bytes drawn(size, 0);
      ASSERT_EQ(FillRandom(drawn), Status::kOk);
      for (size_t at = 0; at < size; ++at) touched[at] |= drawn[at];
    }
    EXPECT_EQ(std::count(touched.begin(), touched.end(), 0), 0);
  }
}

TEST(FillRandom, RefusesMoreThanThePool) {
  test::Bytes bytes(4097, 0);
  EXPECT_EQ(FillRandom(bytes), Status::kTooLong);
  EXPECT_TRUE(test::AllBytesAre(bytes, 0));
}

TEST(FillRandomKey, NeverGivesTheSameKeyTwice) {
  std::vector<std::array<uint8_t, 32>> keys(1000);
  for (auto& key : keys) ASSERT_EQ(FillRandomKey(key), Status::kOk);
  std::sort(keys.begin(), keys.end());
  EXPECT_TRUE(std::adjacent_find(keys.begin(), keys.end()) == keys.end());
}

TEST(ForkGeneration, DiffersBetweenParentChildAndGrandchild) {
  uint32_t parent = ForkGeneration();
  auto [child, grandchild] = InChild<std::pair<uint32_t, uint32_t>>([] {
    uint32_t own = ForkGeneration();
    return std::pair(own, InChild<uint32_t>([] { return ForkGeneration(); }));
  });
  EXPECT_NE(child, parent);
  EXPECT_NE(grandchild, child);
  EXPECT_NE(grandchild, parent);
  EXPECT_EQ(ForkGeneration(), parent);
}

}  // namespace
}  // namespace pii
