#pragma once

#include <string>
#include <string_view>

namespace pii::cli {

/// Problem is why something was refused or failed: what happened, as one line that begins in lower case, and
/// the next thing to do, whose further lines are indented. Neither holds a byte of key material.
struct Problem {
  std::string message;
  std::string hint;
};

/// Refuse fills `*problem` and returns false, so that a function can end with it.
bool Refuse(Problem* problem, std::string message, std::string hint);

/// Report writes a problem to standard error and returns `exit_status`, so that a program can end with it.
int Report(const Problem& problem, int exit_status);

/// Quoted returns a name as messages show it.
std::string Quoted(std::string_view name);

/// ShellWord returns `text` as one word of a shell command, quoted only where it has to be.
std::string ShellWord(std::string_view text);

}  // namespace pii::cli
