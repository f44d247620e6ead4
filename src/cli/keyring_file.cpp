#include "keyring_file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "key_source.h"

namespace pii::cli {
namespace {

/// The one name for what is not finished. Whoever finds it while holding the lock of the directory knows that
/// its writer is dead (kill -9, power failure), and removes it with the keys in it.
constexpr const char* kTemporaryName = ".pii-keyring.tmp";

constexpr const char* kAccessList = "system.posix_acl_access";

/// No user: PostgreSQL does not run as root, so a file of root's is read by someone else (the 0640 rule).
constexpr uid_t kNotRoot = static_cast<uid_t>(-1);

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  ~FileDescriptor() { Reset(-1); }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return fd_; }
  void Reset(int fd) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

/// CriticalSection keeps the signals that end a program away while a temporary file with keys exists. A file
/// over the size limit (SIGXFSZ) becomes an error of write().
class CriticalSection {
 public:
  CriticalSection() {
    sigset_t signals;
    sigemptyset(&signals);
    for (int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM}) sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, &old_mask_);
    struct sigaction ignore = {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &ignore, &old_action_);
  }
  ~CriticalSection() {
    sigaction(SIGXFSZ, &old_action_, nullptr);
    sigprocmask(SIG_SETMASK, &old_mask_, nullptr);
  }
  CriticalSection(const CriticalSection&) = delete;
  CriticalSection& operator=(const CriticalSection&) = delete;

 private:
  sigset_t old_mask_;
  struct sigaction old_action_;
};

struct Location {
  std::string directory;
  std::string name;
};

Location Split(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

std::string Named(KeyFile kind, const std::string& path) {
  return (kind == KeyFile::kKeyring ? "keyring file " : "root key file ") + Quoted(path);
}

std::string ErrorText() { return std::strerror(errno); }

bool LockDirectory(const std::string& path, FileDescriptor* directory, Problem* problem) {
  directory->Reset(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory->get() < 0) {
    std::string message = "cannot open directory \"" + path + "\": " + ErrorText();
    if (errno == ENOENT) return Refuse(problem, message, "create it first: mkdir -m 700 " + ShellWord(path));
    return Refuse(problem, message, "run this as the owner of the directory, or as root");
  }
  int locked = flock(directory->get(), LOCK_EX | LOCK_NB);
  if (locked != 0 && errno == EWOULDBLOCK) {
    fprintf(stderr, "pii-keyring: waiting for another program that has locked directory \"%s\"\n",
            path.c_str());
    do {
      locked = flock(directory->get(), LOCK_EX);
    } while (locked != 0 && errno == EINTR);
  }
  if (locked == 0) return true;
  return Refuse(problem, "cannot lock directory \"" + path + "\": " + ErrorText(),
                "keep the keyring on a local file system");
}

/// TemporaryFile is the new file until it has its name, and is gone when it does not get one.
class TemporaryFile {
 public:
  explicit TemporaryFile(int directory) : directory_(directory) {}
  ~TemporaryFile() { Remove(); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  bool Create() {
    if (unlinkat(directory_, kTemporaryName, 0) != 0 && errno != ENOENT) return false;
    file_.Reset(openat(directory_, kTemporaryName, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    exists_ = file_.get() >= 0;
    return exists_;
  }

  int get() const { return file_.get(); }

  bool Write(const SecretString& text) {
    size_t done = 0;
    while (done < text.size()) {
      ssize_t count = write(file_.get(), text.data() + done, text.size() - done);
      if (count < 0 && errno != EINTR) return false;
      if (count > 0) done += static_cast<size_t>(count);
    }
    return fsync(file_.get()) == 0;
  }

  bool RenameOver(const std::string& name) {
    if (renameat(directory_, kTemporaryName, directory_, name.c_str()) != 0) return false;
    exists_ = false;
    return true;
  }

  bool RenameToNew(const std::string& name) {
    if (renameat2(directory_, kTemporaryName, directory_, name.c_str(), RENAME_NOREPLACE) == 0) {
      exists_ = false;
      return true;
    }
    if (errno != EINVAL && errno != ENOSYS) return false;
    // A file system without RENAME_NOREPLACE: link() does not replace either; the first name goes then.
    return linkat(directory_, kTemporaryName, directory_, name.c_str(), 0) == 0;
  }

 private:
  void Remove() {
    if (exists_) unlinkat(directory_, kTemporaryName, 0);
    exists_ = false;
  }

  int directory_;
  FileDescriptor file_;
  bool exists_ = false;
};

bool RefuseWrite(const Location& location, bool exists, Problem* problem) {
  int error = errno;
  std::string message = "cannot write in directory \"" + location.directory + "\": " + std::strerror(error);
  std::string unchanged = exists ? "; the keyring file is unchanged" : "";
  switch (error) {
    case EACCES:
    case EPERM:
      return Refuse(problem, message + unchanged, "run this as the owner of the directory, or as root");
    case EROFS:
      return Refuse(problem, message + unchanged, "make the file system writable and run the command again");
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Refuse(problem, message + unchanged,
                    "make room (disk space, quota, ulimit -f) and run the command again");
    default:
      return Refuse(problem, message + unchanged, "put that right and run the command again");
  }
}

/// The new name is in the directory; now it must survive a power failure.
bool FlushDirectory(int directory, KeyFile kind, const std::string& path, Problem* problem) {
  if (fsync(directory) == 0 || errno == EINVAL) return true;
  return Refuse(
      problem, Named(kind, path) + " was written, but its directory cannot be flushed: " + ErrorText(),
      kind == KeyFile::kKeyring ? "look for disk errors, then run: pii-keyring verify " + ShellWord(path)
                                : "look for disk errors, remove the file and make it again on a sound disk");
}

/// CopyAccessList gives `to` the access control list of the file `from`, or takes away the one it inherited
/// from its directory: fchmod() alone would let the users of an inherited list in.
bool CopyAccessList(const char* from, int to) {
  auto none = [] { return errno == ENODATA || errno == ENOTSUP; };
  ssize_t size = getxattr(from, kAccessList, nullptr, 0);
  if (size < 0) return none() && (fremovexattr(to, kAccessList) == 0 || none());
  std::vector<char> list(static_cast<size_t>(size));
  size = getxattr(from, kAccessList, list.data(), list.size());
  return size >= 0 && fsetxattr(to, kAccessList, list.data(), static_cast<size_t>(size), 0) == 0;
}

bool KeepOwner(const std::string& path, const struct stat& old, int to, Problem* problem) {
  struct stat fresh;
  bool kept = fstat(to, &fresh) == 0;
  if (kept && (fresh.st_uid != old.st_uid || fresh.st_gid != old.st_gid)) {
    kept = fchown(to, old.st_uid, old.st_gid) == 0;
  }
  if (!kept) {
    return Refuse(problem,
                  "cannot give the new version of " + Named(KeyFile::kKeyring, path) +
                      " its owner and group (" + std::to_string(old.st_uid) + ":" +
                      std::to_string(old.st_gid) + "): " + ErrorText() + "; the file is unchanged",
                  "run this as root");
  }
  return true;
}

bool KeepAccess(const std::string& path, const std::string& target, const struct stat& old, int to,
                Problem* problem) {
  if (!KeepOwner(path, old, to, problem)) return false;
  if (CopyAccessList(target.c_str(), to) && fchmod(to, old.st_mode & 07777) == 0) return true;
  return Refuse(problem,
                "cannot give the new version of " + Named(KeyFile::kKeyring, path) +
                    " its mode and access list: " + ErrorText() + "; the file is unchanged",
                "run this as root");
}

bool RefuseToRead(KeyFile kind, const std::string& path, const std::string& what, Problem* problem) {
  const std::string message = Named(kind, path) + ": " + what;
  const bool is_keyring = kind == KeyFile::kKeyring;
  const std::string word = ShellWord(path);
  struct stat info;
  if (stat(path.c_str(), &info) != 0) {
    if (errno == EACCES) {
      return Refuse(problem, message, "run this as the user that runs the server, or as root");
    }
    if (errno != ENOENT) return Refuse(problem, message, "check the name");
    if (lstat(path.c_str(), &info) == 0) {
      return Refuse(problem, message,
                    std::string("it is a symbolic link; make it point to the ") +
                        (is_keyring ? "keyring" : "root key"));
    }
    return Refuse(problem, message,
                  is_keyring ? "check the name, or create the keyring: pii-keyring init " + word
                             : "check the name, or create a root key: pii-keyring init-root " + word);
  }
  if (!S_ISREG(info.st_mode)) return Refuse(problem, message, "give the name of the file itself");
  if (info.st_uid != 0 && info.st_uid != geteuid() && geteuid() != 0) {
    return Refuse(problem, message,
                  "run this as its owner (user id " + std::to_string(info.st_uid) + "), or as root");
  }
  if (info.st_uid == 0 && (info.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) != 0) {
    return Refuse(problem, message, "run: chmod 640 " + word);
  }
  if (info.st_nlink > 1) {
    return Refuse(problem, message, "remove its other names; find them with: find / -xdev -samefile " + word);
  }
  if (info.st_uid != 0 && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Refuse(problem, message, "run: chmod 600 " + word);
  }
  if (access(path.c_str(), R_OK) != 0) {
    return Refuse(problem, message, "run this as root, or as the user that runs the server");
  }
  return Refuse(problem, message, "restore the file from a backup");
}

/// `path` is what messages call the file, `target` where it is, `*info` whose it is.
bool Load(KeyFile kind, const std::string& path, const std::string& target, SecretString* text,
          struct stat* info, Problem* problem) {
  if (stat(target.c_str(), info) != 0) {
    return RefuseToRead(kind, path, "cannot open it: " + ErrorText(), problem);
  }
  uid_t user = geteuid();
  if (user == 0) user = info->st_uid == 0 ? kNotRoot : info->st_uid;
  std::string what;
  return ReadKeyringFile(target.c_str(), user, text, &what) || RefuseToRead(kind, path, what, problem);
}

bool IsDirectory(int fd, const std::string& path) {
  struct stat opened;
  struct stat named;
  return fstat(fd, &opened) == 0 && stat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

}  // namespace

std::string ResolvePath(const std::string& path) {
  struct FreeDeleter {
    void operator()(char* text) const { std::free(text); }
  };
  std::unique_ptr<char, FreeDeleter> resolved(realpath(path.c_str(), nullptr));
  return resolved ? resolved.get() : "";
}

bool CreateKeyFile(KeyFile kind, const std::string& path, const SecretString& text, Problem* problem) {
  Location location = Split(path);
  if (location.name.empty() || location.name == "." || location.name == "..") {
    return Refuse(problem, "\"" + path + "\" does not name a file", "give the name of the file to create");
  }
  FileDescriptor directory;
  if (!LockDirectory(location.directory, &directory, problem)) return false;
  auto refuse_existing = [&] {
    if (kind == KeyFile::kRootKey) {
      return Refuse(problem, Named(kind, path) + " exists already, and init-root overwrites nothing",
                    "choose another name: what was wrapped under a root key needs it");
    }
    return Refuse(problem, Named(kind, path) + " exists already, and init overwrites nothing",
                  "choose another name, or look at what is there: pii-keyring list " + ShellWord(path));
  };
  struct stat existing;
  if (fstatat(directory.get(), location.name.c_str(), &existing, AT_SYMLINK_NOFOLLOW) == 0) {
    return refuse_existing();
  }

  CriticalSection critical_section;
  TemporaryFile temporary(directory.get());
  if (!temporary.Create() || fchmod(temporary.get(), 0600) != 0 || !temporary.Write(text) ||
      !temporary.RenameToNew(location.name)) {
    return errno == EEXIST ? refuse_existing() : RefuseWrite(location, false, problem);
  }
  return FlushDirectory(directory.get(), kind, path, problem);
}

bool LoadKeyFile(KeyFile kind, const std::string& path, SecretString* text, Problem* problem) {
  struct stat info;
  return Load(kind, path, path, text, &info, problem);
}

bool RewriteKeyringFile(const std::string& path, const Change& change, Problem* problem) {
  std::string target = ResolvePath(path);
  if (target.empty()) return RefuseToRead(KeyFile::kKeyring, path, "cannot open it: " + ErrorText(), problem);
  Location location = Split(target);
  FileDescriptor directory;
  if (!LockDirectory(location.directory, &directory, problem)) return false;
  if (ResolvePath(path) != target || !IsDirectory(directory.get(), location.directory)) {
    return Refuse(problem, Named(KeyFile::kKeyring, path) + " was moved while this waited for its turn",
                  "run the command again");
  }

  SecretString old_text;
  SecretString new_text;
  struct stat info;
  if (!Load(KeyFile::kKeyring, path, target, &old_text, &info, problem) ||
      !change(old_text, &new_text, problem))
    return false;
  if (new_text.empty()) return true;

  CriticalSection critical_section;
  TemporaryFile temporary(directory.get());
  if (!temporary.Create()) return RefuseWrite(location, true, problem);
  if (!KeepAccess(path, target, info, temporary.get(), problem)) return false;
  if (!temporary.Write(new_text) || !temporary.RenameOver(location.name)) {
    return RefuseWrite(location, true, problem);
  }
  return FlushDirectory(directory.get(), KeyFile::kKeyring, path, problem);
}

}  // namespace pii::cli
