#include "index_advice.h"

#include <gtest/gtest.h>

#include "specimen.h"

namespace pii {
namespace {

// CipherSweet's estimate: rows / results, safe from 2 to the square root of the rows.
TEST(IndexAdvice, CountsRowsThatShareAResult) {
  PiiClass ssn = test::BuiltinClass("ssn");
  IndexAdvice last4 = AdviseIndex(ssn, Transform::kLast4, 1'000'000);
  EXPECT_EQ(last4.results, 10'000);
  EXPECT_EQ(last4.coincidences, 100);
  EXPECT_TRUE(last4.is_safe);
  EXPECT_FALSE(AdviseIndex(ssn, Transform::kLast4, 19'999).is_safe);
  EXPECT_TRUE(AdviseIndex(ssn, Transform::kLast4, 20'000).is_safe);
  EXPECT_FALSE(AdviseIndex(ssn, Transform::kExact, 1'000'000).is_safe);
}

TEST(IndexAdvice, FindsTooLittleFromTheSquareRootOn) {
  PiiClass dob = test::BuiltinClass("dob");
  EXPECT_TRUE(AdviseIndex(dob, Transform::kYear, 9'999).is_safe);
  EXPECT_FALSE(AdviseIndex(dob, Transform::kYear, 10'000).is_safe);
}

TEST(IndexAdvice, CallsNothingSafeThatItDoesNotKnow) {
  IndexAdvice domain = AdviseIndex(test::BuiltinClass("email"), Transform::kDomain, 1'000'000);
  EXPECT_EQ(domain.results, 0);
  EXPECT_EQ(domain.coincidences, 0);
  EXPECT_FALSE(domain.is_safe);
}

}  // namespace
}  // namespace pii
