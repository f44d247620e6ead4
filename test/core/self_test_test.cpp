#include "self_test.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pii {
namespace {

TEST(RunSelfTest, PassesEachTimeAndInAChild) {
  EXPECT_EQ(RunSelfTest(), Status::kOk);
  EXPECT_EQ(RunSelfTest(), Status::kOk);
  pid_t child = fork();
  if (child == 0) _exit(RunSelfTest() == Status::kOk ? 0 : 1);
  int wait_status = 0;
  ASSERT_EQ(waitpid(child, &wait_status, 0), child);
  EXPECT_EQ(wait_status, 0);
}

}  // namespace
}  // namespace pii
