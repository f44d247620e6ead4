#include "problem.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

namespace pii::cli {

bool Refuse(Problem* problem, std::string message, std::string hint) {
  *problem = {std::move(message), std::move(hint)};
  return false;
}

int Report(const Problem& problem, int exit_status) {
  std::fprintf(stderr, "pii-keyring: %s\nhint: %s\n", problem.message.c_str(), problem.hint.c_str());
  return exit_status;
}

std::string Quoted(std::string_view name) { return "\"" + std::string(name) + "\""; }

std::string ShellWord(std::string_view text) {
  auto is_plain = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::strchr("/._-+,:@%=", c) != nullptr;
  };
  if (!text.empty() && text[0] != '-' && std::all_of(text.begin(), text.end(), is_plain)) {
    return std::string(text);
  }
  std::string word = "'";
  for (char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

}  // namespace pii::cli
