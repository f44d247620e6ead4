#include "hidden_text.h"

#include "boundary.h"
#include "pg.h"
#include "sql_text.h"

namespace pii {

char* Hidden(const char* text, Hider hide, size_t kept) {
  size_t size = strlen(text);
  size_t bound = HiddenBound(size - kept);
  auto* out = static_cast<char*>(palloc_extended(kept + bound + 1, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE));
  if (out == nullptr) return pstrdup("(not logged: out of memory)");
  memcpy(out, text, kept);
  size_t written = 0;
  Status status = CallCore([&] {
    written = hide({text + kept, size - kept}, !standard_conforming_strings, {out + kept, bound});
    return Status::kOk;
  });
  if (status != Status::kOk) written = 0;
  out[kept + written] = '\0';
  return out;
}

void Blank(char* text) {
  Status status = CallCore([=] {
    BlankLiterals(!standard_conforming_strings, {text, strlen(text)});
    return Status::kOk;
  });
  if (status != Status::kOk) memset(text, '.', strlen(text));
}

bool MayHaveLiterals(const char* text) {
  // A statement is asked about several times in a row. Only one without literals is kept.
  static char clean[512];
  static bool clean_setting;
  if (clean_setting == standard_conforming_strings && clean[0] != '\0' && strcmp(clean, text) == 0)
    return false;
  bool has = true;
  Status status = CallCore([&] {
    has = HasLiterals(text, !standard_conforming_strings);
    return Status::kOk;
  });
  has = has || status != Status::kOk;
  if (!has && strlcpy(clean, text, sizeof clean) >= sizeof clean) clean[0] = '\0';
  if (!has) clean_setting = standard_conforming_strings;
  return has;
}

char* HideLiteralsOf(const char* statement, char* message) {
  const char* hidden = nullptr;
  for (char* begin = strchr(message, '"'); begin != nullptr;) {
    char* end = strchr(begin + 1, '"');
    if (end == nullptr) break;
    char* quoted = pnstrdup(begin + 1, static_cast<Size>(end - begin - 1));
    if (strlen(quoted) > 0 && strstr(statement, quoted) != nullptr) {
      if (hidden == nullptr) hidden = Hidden(statement, HideLiterals);
      if (strstr(hidden, quoted) == nullptr) {
        auto before = static_cast<int>(begin - message);
        message = psprintf("%.*s\"...%s", before, message, end);
        end = message + before + strlen("\"...");
      }
    }
    begin = strchr(end + 1, '"');
  }
  return message;
}

}  // namespace pii
