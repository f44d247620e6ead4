#include "key_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

namespace pii {
namespace {

namespace fs = std::filesystem;

class KeySourceTest : public testing::Test {
 protected:
  KeySourceTest() {
    std::string pattern = testing::TempDir() + "pii_key_source_XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~KeySourceTest() override { fs::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }

  std::string MakeFile(const std::string& name, mode_t mode, std::string_view text = "{}") {
    std::string path = Path(name);
    std::ofstream(path) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }

  std::string directory_;
};

// Files.

using ReadKeyringFileTest = KeySourceTest;

/// The reason why a file is refused; empty when it is read. CheckKeyringFile must say the same of the file.
std::string FileProblem(const std::string& path, uid_t user = geteuid()) {
  SecretString text;
  std::string problem;
  std::string judged;
  bool is_good = CheckKeyringFile(path.c_str(), user, &judged);
  if (ReadKeyringFile(path.c_str(), user, &text, &problem)) {
    EXPECT_TRUE(is_good) << judged;
    return {};
  }
  EXPECT_FALSE(problem.empty());
  bool is_about_file = !problem.starts_with("cannot") && problem.find("larger") == std::string::npos;
  if (is_about_file) {
    EXPECT_FALSE(is_good);
    EXPECT_EQ(judged, problem);
  }
  EXPECT_EQ(problem.find('\n'), std::string::npos);
  EXPECT_EQ(problem.find(path), std::string::npos) << problem;
  return problem;
}

TEST_F(ReadKeyringFileTest, ReadsAFileOfItsOwnerAlone) {
  std::string content = "{\"pii_keyring\": 1}\n";
  content += '\0';
  SecretString text;
  std::string problem;
  ASSERT_TRUE(ReadKeyringFile(MakeFile("keyring", 0600, content).c_str(), geteuid(), &text, &problem))
      << problem;
  EXPECT_EQ(std::string_view(text), content);
  ASSERT_TRUE(ReadKeyringFile(MakeFile("empty", 0600, "").c_str(), geteuid(), &text, &problem)) << problem;
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(FileProblem(MakeFile("read-only", 0400)), "");
}

TEST_F(ReadKeyringFileTest, RefusesGroupAndWorldAccess) {
  for (mode_t mode : {0640, 0644, 0604, 0660, 0610, 0601, 0602, 0620, 0666, 0777}) {
    EXPECT_EQ(FileProblem(MakeFile("keyring", mode)), "it has group or world access; set its mode to 0600")
        << mode;
  }
}

TEST_F(ReadKeyringFileTest, AllowsGroupReadingOfFilesOfRootOnly) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  constexpr uid_t kServer = 12345;
  constexpr uid_t kOther = 12346;
  for (mode_t mode : {0600, 0640, 0400, 0440})
    EXPECT_EQ(FileProblem(MakeFile("keyring", mode), kServer), "") << mode;
  for (mode_t mode : {0644, 0604, 0660, 0650, 0620, 0601, 0602}) {
    EXPECT_EQ(FileProblem(MakeFile("keyring", mode), kServer),
              "it is owned by root and has group write or world access; set its mode to 0640")
        << mode;
  }
  std::string path = MakeFile("owned", 0600);
  ASSERT_EQ(chown(path.c_str(), kServer, kServer), 0);
  EXPECT_EQ(FileProblem(path, kServer), "");
  EXPECT_EQ(FileProblem(path, kOther), "it must be owned by the user that runs the server or by root");
  EXPECT_EQ(FileProblem(path, 0), "it must be owned by the user that runs the server or by root");
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  EXPECT_EQ(FileProblem(path, kServer), "it has group or world access; set its mode to 0600");
}

TEST_F(ReadKeyringFileTest, JudgesTheFileBehindASymbolicLink) {
  fs::create_symlink(MakeFile("private", 0600), Path("good"));
  fs::create_symlink(MakeFile("public", 0644), Path("bad"));
  fs::create_symlink(Path("nothing"), Path("dangling"));
  EXPECT_EQ(FileProblem(Path("good")), "");
  EXPECT_NE(FileProblem(Path("bad")), "");
  EXPECT_NE(FileProblem(Path("dangling")), "");
}

// Must not wait for a writer either.
TEST_F(ReadKeyringFileTest, RefusesWhatIsNoRegularFile) {
  ASSERT_EQ(mkfifo(Path("fifo").c_str(), 0600), 0);
  ASSERT_EQ(mkdir(Path("directory").c_str(), 0700), 0);
  for (const std::string& path : {Path("fifo"), Path("directory"), std::string("/dev/null")}) {
    EXPECT_EQ(FileProblem(path), "it is not a regular file") << path;
  }
}

TEST_F(ReadKeyringFileTest, RefusesAFileWithAnotherName) {
  std::ofstream(Path("file")) << "keys";
  ASSERT_EQ(chmod(Path("file").c_str(), 0600), 0);
  ASSERT_EQ(FileProblem(Path("file")), "");
  ASSERT_EQ(link(Path("file").c_str(), Path("other").c_str()), 0);
  EXPECT_EQ(FileProblem(Path("file")), "it has more than one hard link");
}

TEST_F(ReadKeyringFileTest, RefusesAMissingFile) {
  EXPECT_EQ(FileProblem(Path("nothing")), "cannot open it: No such file or directory");
}

TEST_F(ReadKeyringFileTest, RefusesMoreThanOneMebibyte) {
  EXPECT_EQ(FileProblem(MakeFile("full", 0600, std::string(kMaxKeyringSize, 'x'))), "");
  EXPECT_EQ(FileProblem(MakeFile("over", 0600, std::string(kMaxKeyringSize + 1, 'x'))),
            "it is larger than 1 MiB");
  std::string sparse = MakeFile("sparse", 0600);
  ASSERT_EQ(truncate(sparse.c_str(), off_t{1} << 40), 0);
  EXPECT_EQ(FileProblem(sparse), "it is larger than 1 MiB");
}

// Where a file lies.

using IsInsideTest = KeySourceTest;

TEST_F(IsInsideTest, SeesThroughLinksAndDots) {
  fs::create_directories(Path("data/base/1"));
  fs::create_directories(Path("data2"));
  fs::create_directories(Path("keys"));
  std::ofstream(Path("data/base/1/file"));
  std::ofstream(Path("data2/file"));
  std::ofstream(Path("keys/file"));
  fs::create_symlink(Path("data/base/1/file"), Path("keys/into"));
  fs::create_directory_symlink(Path("data/base"), Path("keys/into_directory"));
  fs::create_symlink(Path("keys/file"), Path("data/out"));
  fs::create_directory_symlink(Path("data"), Path("alias"));
  std::string data = Path("data");

  for (const char* path : {"data/base/1/file", "data/base", "keys/into", "keys/into_directory/1/file",
                           "keys/../data/base/1/file", "alias/base/1/file"}) {
    EXPECT_TRUE(IsInside(Path(path).c_str(), data.c_str())) << path;
    EXPECT_TRUE(IsInside(Path(path).c_str(), Path("alias").c_str())) << path;
    EXPECT_TRUE(IsInside(Path(path).c_str(), (data + "/").c_str())) << path;
    EXPECT_TRUE(IsInside(Path(path).c_str(), "/")) << path;
  }
  for (const char* path : {"keys/file", "data2/file", "data/out", "data/../keys/file"}) {
    EXPECT_FALSE(IsInside(Path(path).c_str(), data.c_str())) << path;
    EXPECT_FALSE(IsInside(Path(path).c_str(), Path("alias").c_str())) << path;
  }
}

TEST_F(IsInsideTest, CountsWhatCannotBeResolvedAsInside) {
  fs::create_directories(Path("data"));
  std::ofstream(Path("file"));
  fs::create_symlink(Path("loop"), Path("loop"));
  EXPECT_TRUE(IsInside(Path("nothing").c_str(), Path("data").c_str()));
  EXPECT_TRUE(IsInside(Path("loop").c_str(), Path("data").c_str()));
  EXPECT_TRUE(IsInside("", Path("data").c_str()));
  EXPECT_TRUE(IsInside(Path("file").c_str(), Path("loop").c_str()));
}

// The directory of a tablespace may be lost.
TEST_F(IsInsideTest, FindsNothingInADirectoryThatIsNotThere) {
  std::ofstream(Path("file"));
  fs::create_symlink(Path("lost"), Path("tablespace"));
  EXPECT_FALSE(IsInside(Path("file").c_str(), Path("no-directory").c_str()));
  EXPECT_FALSE(IsInside(Path("file").c_str(), Path("tablespace").c_str()));
}

// Commands.

constexpr int kEnoughTime = 30'000;
constexpr int kShortTime = 200;

class RunKeyringCommandTest : public KeySourceTest {
 protected:
  /// The output, or the problem after `! `.
  std::string Run(const std::string& command, int timeout_ms = kEnoughTime) {
    SecretString text;
    std::string problem;
    auto start = std::chrono::steady_clock::now();
    bool done = RunKeyringCommand(command.c_str(), timeout_ms, &text, &problem);
    took_ = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start)
                .count();
    if (done) return std::string(std::string_view(text));
    EXPECT_EQ(problem.find('\n'), std::string::npos);
    return "! " + problem;
  }

  /// The process whose id a command wrote to a file: gone, or dead and waiting for init to notice.
  bool IsGone(const std::string& pid_file) {
    pid_t pid = 0;
    std::ifstream(pid_file) >> pid;
    EXPECT_GT(pid, 1) << pid_file;
    auto process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (process < 0) return errno == ESRCH;
    struct pollfd ended = {process, POLLIN, 0};
    bool gone = poll(&ended, 1, kEnoughTime) == 1;
    close(process);
    if (!gone) kill(pid, SIGKILL);
    return gone;
  }

  int64_t took_ = 0;
  const std::string kTimeoutProblem = "! it did not finish within 200 ms (pii.keyring_timeout)";
};

TEST_F(RunKeyringCommandTest, GivesTheOutput) {
  EXPECT_EQ(Run("echo hello; printf 'a\\000b'"), std::string("hello\na\0b", 9));
  EXPECT_EQ(Run("true"), "");
}

TEST_F(RunKeyringCommandTest, RefusesAnotherExitStatusThanZero) {
  EXPECT_EQ(Run("echo hello; exit 3"), "! it exited with status 3");
  EXPECT_EQ(Run("false"), "! it exited with status 1");
}

TEST_F(RunKeyringCommandTest, RefusesAMissingCommand) {
  EXPECT_EQ(Run("/no/such/kms 2>/dev/null"), "! it exited with status 127");
}

TEST_F(RunKeyringCommandTest, RefusesACommandEndedByASignal) {
  EXPECT_EQ(Run("echo hello; kill -KILL $$"), "! it was ended by signal 9");
  EXPECT_EQ(Run("kill -TERM $$"), "! it was ended by signal 15");
}

// A server blocks and ignores signals; a script expects them to work.
TEST_F(RunKeyringCommandTest, GivesTheCommandDefaultSignals) {
  sigset_t block, before;
  sigemptyset(&block);
  sigaddset(&block, SIGTERM);
  ASSERT_EQ(sigprocmask(SIG_BLOCK, &block, &before), 0);
  auto* handler = signal(SIGUSR1, SIG_IGN);
  EXPECT_EQ(Run("kill -TERM $$; sleep 600"), "! it was ended by signal 15");
  EXPECT_EQ(Run("kill -USR1 $$; sleep 600"), "! it was ended by signal 10");
  signal(SIGUSR1, handler);
  ASSERT_EQ(sigprocmask(SIG_SETMASK, &before, nullptr), 0);
}

TEST_F(RunKeyringCommandTest, KillsACommandThatHangs) {
  std::string shell = Path("shell"), child = Path("child");
  EXPECT_EQ(Run("echo $$ > " + shell + "; sleep 600 & echo $! > " + child + "; wait", kShortTime),
            kTimeoutProblem);
  EXPECT_GE(took_, kShortTime - 10);
  EXPECT_LT(took_, 10'000);
  EXPECT_TRUE(IsGone(shell));
  EXPECT_TRUE(IsGone(child));
}

TEST_F(RunKeyringCommandTest, KillsACommandThatIgnoresSignals) {
  EXPECT_EQ(
      Run("trap '' TERM HUP INT; echo $$ > " + Path("pid") + "; while :; do sleep 600; done", kShortTime),
      kTimeoutProblem);
  EXPECT_TRUE(IsGone(Path("pid")));
}

TEST_F(RunKeyringCommandTest, KillsACommandThatHangsAfterItsOutput) {
  EXPECT_EQ(Run("echo $$ > " + Path("pid") + "; echo hello; exec >&-; sleep 600", kShortTime),
            kTimeoutProblem);
  EXPECT_TRUE(IsGone(Path("pid")));
}

// Its own group is not the one it was started in.
TEST_F(RunKeyringCommandTest, KillsACommandThatLeftItsProcessGroup) {
  EXPECT_EQ(Run("exec perl -e 'if (my $child = fork) { 1 until setpgrp(0, $child); open my $file, \">\", \"" +
                    Path("pid") +
                    "\"; print $file $$; close $file; sleep 600 } setpgrp; sleep 1 until getppid == 1'",
                kShortTime * 10),
            "! it did not finish within 2000 ms (pii.keyring_timeout)");
  EXPECT_LT(took_, 10'000);
  EXPECT_TRUE(IsGone(Path("pid")));
}

TEST_F(RunKeyringCommandTest, KillsAGrandchildThatKeepsThePipeOpen) {
  EXPECT_EQ(Run("sleep 600 & echo $! > " + Path("pid") + "; echo hello", kShortTime), kTimeoutProblem);
  EXPECT_LT(took_, 10'000);
  EXPECT_TRUE(IsGone(Path("pid")));
}

TEST_F(RunKeyringCommandTest, RefusesMoreThanOneMebibyte) {
  EXPECT_EQ(Run("head -c 1048576 /dev/zero").size(), kMaxKeyringSize);
  EXPECT_EQ(Run("head -c 1048577 /dev/zero"), "! its output is larger than 1 MiB");
  EXPECT_EQ(Run("echo $$ > " + Path("pid") + "; exec cat /dev/zero"), "! its output is larger than 1 MiB");
  EXPECT_TRUE(IsGone(Path("pid")));
}

TEST_F(RunKeyringCommandTest, GivesTheCommandAnEmptyInput) { EXPECT_EQ(Run("cat; echo end"), "end\n"); }

TEST_F(RunKeyringCommandTest, HandsDownNoFileDescriptor) {
  int fd = open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  ASSERT_GE(fd, 3);
  int high = fcntl(fd, F_DUPFD, 200);
  ASSERT_GE(high, 200);
  // The shell opens a few low ones itself.
  EXPECT_EQ(Run("for fd in /proc/$$/fd/*; do test ${fd##*/} -lt 20 || echo $fd; done; true"), "");
  close(high);
  close(fd);
}

TEST_F(RunKeyringCommandTest, WorksWithClosedStandardStreams) {
  int input = dup(STDIN_FILENO);
  close(STDIN_FILENO);
  std::string output = Run("cat; echo hello");
  if (input >= 0) {
    dup2(input, STDIN_FILENO);
    close(input);
  }
  EXPECT_EQ(output, "hello\n");
}

TEST_F(RunKeyringCommandTest, LeavesNoProcessAndNoDescriptorBehind) {
  auto count = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  auto before = count();
  for (const char* command : {"echo hello", "exit 3", "kill -9 $$"}) Run(command);
  Run("sleep 600", kShortTime);
  EXPECT_EQ(count(), before);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace pii
