#pragma once

#include <sys/types.h>

#include <span>
#include <string>

#include "secret.h"

namespace pii {

/// The most a keyring may be, in bytes, wherever it comes from.
constexpr size_t kMaxKeyringSize = 1 << 20;

/// ReadKeyringFile reads a keyring file whole. It refuses what PostgreSQL refuses of ssl_key_file: anything
/// but a regular file with one hard link, owned by `user` without group and world access (0600), or by root
/// without group write and world access (0640); and files above kMaxKeyringSize. The checks are made on the
/// open file, so it cannot be swapped in between. On failure `*problem` is one line without the path.
bool ReadKeyringFile(const char* path, uid_t user, SecretString* text, std::string* problem);

/// CheckKeyringFile tells whether ReadKeyringFile would refuse a file for its owner, mode or links, without
/// reading it. On failure `*problem` is one line without the path.
bool CheckKeyringFile(const char* path, uid_t user, std::string* problem);

/// IsInside tells whether `path` lies below `directory`, symbolic links and bind mounts notwithstanding: each
/// directory above the resolved path is compared by device and inode. A path that cannot be resolved counts
/// as inside.
bool IsInside(const char* path, const char* directory);

/// RunKeyringCommand runs `command` with /bin/sh and reads its standard output. Its standard input is empty,
/// its standard error is the caller's. It fails when the command cannot be started, exits with another status
/// than 0, writes more than kMaxKeyringSize or takes longer than `timeout_ms` milliseconds. In the last two
/// cases it is killed, with everything in its process group. `*problem` is one line without the command or
/// its output. `is_cancelled`, where it is given, is asked every tenth of a second and whenever a signal
/// arrives; when it says so the command is killed, too.
bool RunKeyringCommand(const char* command, int timeout_ms, SecretString* text, std::string* problem,
                       bool (*is_cancelled)() = nullptr);

}  // namespace pii
