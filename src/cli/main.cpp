// pii-keyring: makes and changes keyring files. command_line.h is how it is called, commands.h what it does.

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>

#include "command_line.h"

using pii::cli::kFailed;
using pii::cli::Report;

int main(int argc, char** argv) {
  // Where standard output was closed, the next file opened would be it. Read only: writing to it still fails.
  int fd;
  do {
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) close(fd);

  // A crash must not leave the keys in a core file.
  const struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  try {
    int exit_status = pii::cli::CommandLine().Run(argc, argv);
    if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
      return Report({std::string("cannot write to standard output: ") + std::strerror(errno),
                     "what was done stays done; see: pii-keyring list FILE"},
                    kFailed);
    }
    return exit_status;
  } catch (const std::bad_alloc&) {
    return Report({"out of memory", "free memory and run the command again"}, kFailed);
  } catch (const std::exception&) {
    // The text of an exception can quote what was being read.
    return Report({"unexpected error", "run: pii-keyring verify FILE"}, kFailed);
  }
}
