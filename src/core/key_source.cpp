#include "key_source.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace pii {
namespace {

using Clock = std::chrono::steady_clock;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { Close(); }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return fd_; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

bool Refuse(std::string* problem, std::string_view what) {
  *problem = what;
  return false;
}

std::string SystemError(std::string_view what) { return std::string(what) + ": " + std::strerror(errno); }

std::string TooLarge(std::string_view what) {
  return std::string(what) + " is larger than " + std::to_string(kMaxKeyringSize >> 20) + " MiB";
}

/// The rule of check_ssl_key_file_permissions in PostgreSQL's be-secure-common.c.
bool CheckPermissions(const struct stat& file, uid_t user, std::string* problem) {
  if (!S_ISREG(file.st_mode)) return Refuse(problem, "it is not a regular file");
  // Another name for the file could lie in the data directory.
  if (file.st_nlink > 1) return Refuse(problem, "it has more than one hard link");
  if (file.st_uid != user && file.st_uid != 0) {
    return Refuse(problem, "it must be owned by the user that runs the server or by root");
  }
  if (file.st_uid == user && (file.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Refuse(problem, "it has group or world access; set its mode to 0600");
  }
  if (file.st_uid == 0 && (file.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) != 0) {
    return Refuse(problem, "it is owned by root and has group write or world access; set its mode to 0640");
  }
  return true;
}

/// Room for the largest keyring at once: a growing string would leave copies to wipe, and reading tells an
/// overflow by the one byte more.
void Reserve(SecretString* text) { text->assign(kMaxKeyringSize + 1, '\0'); }

/// What is left of the timeout, in milliseconds, at least 0.
int Remaining(Clock::time_point deadline) {
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return left > 0 ? static_cast<int>(left) : 0;
}

struct SpawnSetup {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  SpawnSetup() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
};

/// Starts `command` in a process group of its own, with default signal handling: the server blocks and
/// catches signals that a shell script expects to work.
bool Start(const char* command, int output, pid_t* pid) {
  SpawnSetup setup;
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&setup.attributes, &none);
  posix_spawnattr_setsigdefault(&setup.attributes, &all);
  posix_spawnattr_setpgroup(&setup.attributes, 0);
  posix_spawnattr_setflags(&setup.attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  posix_spawn_file_actions_addopen(&setup.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&setup.actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&setup.actions, STDERR_FILENO + 1);
  const char* arguments[] = {"/bin/sh", "-c", command, nullptr};
  int error = posix_spawn(pid, arguments[0], &setup.actions, &setup.attributes,
                          const_cast<char* const*>(arguments), environ);
  errno = error;
  return error == 0;
}

/// Patience is how long a command may go on.
struct Patience {
  static constexpr int kLongestWait = 100;  ///< milliseconds until is_cancelled is asked again

  Clock::time_point deadline;
  bool (*is_cancelled)();

  bool WasCancelled() const { return is_cancelled != nullptr && is_cancelled(); }
  bool IsOver() const { return Remaining(deadline) == 0 || WasCancelled(); }
  int NextWait() const { return std::min(Remaining(deadline), kLongestWait); }
};

enum class ReadEnd { kAll, kTooMuch, kTimeout, kError };

ReadEnd ReadAll(int fd, const Patience& patience, SecretString* text) {
  Reserve(text);
  size_t size = 0;
  for (;;) {
    struct pollfd poll_fd = {fd, POLLIN, 0};
    int ready = poll(&poll_fd, 1, patience.NextWait());
    if (ready < 0 && errno != EINTR) return ReadEnd::kError;
    if (ready <= 0 && patience.IsOver()) return ReadEnd::kTimeout;
    if (ready <= 0) continue;
    ssize_t count = read(fd, text->data() + size, text->size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ReadEnd::kError;
    size += static_cast<size_t>(count);
    if (size > kMaxKeyringSize) return ReadEnd::kTooMuch;
    if (count == 0) break;
  }
  text->resize(size);
  return ReadEnd::kAll;
}

/// Waits for the command itself, which may go on after it closed its output. False when the time is up.
bool WaitFor(pid_t pid, const Patience& patience, int* wait_status) {
  for (;;) {
    pid_t done = waitpid(pid, wait_status, WNOHANG);
    if (done == pid || (done < 0 && errno != EINTR)) return done == pid;
    if (patience.IsOver()) return false;
    poll(nullptr, 0, std::min(patience.NextWait(), 5));
  }
}

/// Kills the command and its process group, which it may have left. A process that not even SIGKILL ends,
/// because it hangs in the kernel, is not waited for.
void Kill(pid_t pid) {
  kill(-pid, SIGKILL);
  kill(pid, SIGKILL);
  int ignored;
  WaitFor(pid, {Clock::now() + std::chrono::seconds(1), nullptr}, &ignored);
}

}  // namespace

bool CheckKeyringFile(const char* path, uid_t user, std::string* problem) {
  struct stat info;
  if (stat(path, &info) != 0) return Refuse(problem, SystemError("cannot stat it"));
  return CheckPermissions(info, user, problem);
}

bool ReadKeyringFile(const char* path, uid_t user, SecretString* text, std::string* problem) {
  // O_NONBLOCK: opening a FIFO must not hang the server.
  FileDescriptor file(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return Refuse(problem, SystemError("cannot open it"));
  struct stat info;
  if (fstat(file.get(), &info) != 0) return Refuse(problem, SystemError("cannot stat it"));
  if (!CheckPermissions(info, user, problem)) return false;
  if (static_cast<size_t>(info.st_size) > kMaxKeyringSize) return Refuse(problem, TooLarge("it"));
  Reserve(text);
  size_t size = 0;
  for (;;) {
    ssize_t count = read(file.get(), text->data() + size, text->size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Refuse(problem, SystemError("cannot read it"));
    size += static_cast<size_t>(count);
    if (size > kMaxKeyringSize) return Refuse(problem, TooLarge("it"));
    if (count == 0) break;
  }
  text->resize(size);
  return true;
}

bool IsInside(const char* path, const char* directory) {
  struct FreeDeleter {
    void operator()(char* text) const { std::free(text); }
  };
  std::unique_ptr<char, FreeDeleter> resolved(realpath(path, nullptr));
  struct stat outer;
  if (!resolved) return true;
  // A directory that is not there holds nothing: of a lost tablespace only the link is left.
  if (stat(directory, &outer) != 0) return errno != ENOENT;
  std::string ancestor = resolved.get();
  while (ancestor.size() > 1) {
    size_t slash = ancestor.rfind('/');
    ancestor.resize(slash == 0 ? 1 : slash);
    struct stat info;
    if (stat(ancestor.c_str(), &info) != 0) return true;
    if (info.st_dev == outer.st_dev && info.st_ino == outer.st_ino) return true;
  }
  return false;
}

bool RunKeyringCommand(const char* command, int timeout_ms, SecretString* text, std::string* problem,
                       bool (*is_cancelled)()) {
  Patience patience{Clock::now() + std::chrono::milliseconds(timeout_ms), is_cancelled};
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Refuse(problem, SystemError("cannot make a pipe"));
  FileDescriptor read_end(ends[0]);
  FileDescriptor write_end(ends[1]);
  pid_t pid;
  if (!Start(command, write_end.get(), &pid)) return Refuse(problem, SystemError("it could not be started"));
  write_end.Close();

  ReadEnd end = ReadAll(read_end.get(), patience, text);
  int wait_status = 0;
  bool exited = end == ReadEnd::kAll && WaitFor(pid, patience, &wait_status);
  if (!exited) Kill(pid);
  if (end == ReadEnd::kError) return Refuse(problem, "its output could not be read");
  if (end == ReadEnd::kTooMuch) return Refuse(problem, TooLarge("its output"));
  if (!exited && patience.WasCancelled()) return Refuse(problem, "it was cancelled");
  if (!exited) {
    return Refuse(problem,
                  "it did not finish within " + std::to_string(timeout_ms) + " ms (pii.keyring_timeout)");
  }
  if (WIFSIGNALED(wait_status)) {
    return Refuse(problem, "it was ended by signal " + std::to_string(WTERMSIG(wait_status)));
  }
  if (WEXITSTATUS(wait_status) != 0) {
    return Refuse(problem, "it exited with status " + std::to_string(WEXITSTATUS(wait_status)));
  }
  return true;
}

}  // namespace pii
