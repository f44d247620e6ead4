#include "hidden_text.h"

#include "boundary.h"
#include "pg.h"
#include "sql_text.h"
#include "translated_text.h"

namespace pii {
namespace {

/// A message in English: the message itself where it was not translated. `*is_whole`: nothing is left out.
char* InEnglish(const ErrorData* error, bool* is_whole) {
  const char* english = error->message_id;
  // From another process it comes without its format, and from some places already made of one.
  bool has_format = english != nullptr && strcmp(english, "%s") != 0;
  *is_whole = has_format || !IsTranslated();
  if (!*is_whole) return pstrdup("a message that is not shown, because it may hold values");
  const char* translated = english != nullptr ? dgettext(error->domain, english) : nullptr;
  if (translated == english) return error->message;
  size_t size = strlen(error->message);
  size_t bound = OriginalBound(size, strlen(english));
  auto* out = static_cast<char*>(palloc_extended(bound + 1, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE));
  *is_whole = false;
  if (out == nullptr) return pstrdup("a message that is not shown: out of memory");
  size_t written = 0;
  Status status = CallCore([&] {
    written = OriginalText({error->message, size}, english, translated, is_whole, {out, bound});
    return Status::kOk;
  });
  if (status != Status::kOk) *is_whole = false;
  out[status == Status::kOk ? written : 0] = '\0';
  return out;
}

}  // namespace

bool IsTranslated() {
  static const char kInAllTranslations[] = "syntax error";
  return dgettext(PG_TEXTDOMAIN("postgres"), kInAllTranslations) != kInAllTranslations;
}

char* HiddenMessage(const ErrorData* error, Hider hide) {
  bool is_whole;
  char* english = InEnglish(error, &is_whole);
  char* hidden = Hidden(english, hide);
  // To PostgreSQL, the part before the @ of an address without quotes is a column.
  if (error->sqlerrcode == ERRCODE_UNDEFINED_COLUMN && debug_query_string != nullptr)
    hidden = HideLiteralsOf(debug_query_string, hidden);
  return is_whole && strcmp(hidden, english) == 0 ? error->message : hidden;
}

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

namespace {

/// The last statement that turned out to be without literals. It is asked about several times in a row, and
/// when it is executed again. One with literals is not kept: it would outlive its message here.
struct {
  char text[512];
  bool conforming_strings;
} clean;

bool IsClean(const char* text) {
  return clean.conforming_strings == standard_conforming_strings && clean.text[0] != '\0' &&
         strcmp(clean.text, text) == 0;
}

void KeepClean(const char* text) {
  size_t size = strlen(text) + 1;
  if (size > sizeof clean.text) {
    clean.text[0] = '\0';
  } else {
    memcpy(clean.text, text, size);
  }
  clean.conforming_strings = standard_conforming_strings;
}

/// Most statements of a prepared application end here.
bool IsPlain(const char* text) {
  if (IsClean(text)) return true;
  if (MayHaveLiterals(text)) return false;
  KeepClean(text);
  return true;
}

}  // namespace

char* HiddenStatement(const char* text) {
  if (IsPlain(text)) return nullptr;
  char* hidden = Hidden(text, HideLiterals);
  if (strcmp(hidden, text) != 0) return hidden;
  KeepClean(text);
  pfree(hidden);
  return nullptr;
}

char* BlankedStatement(const char* text) {
  if (IsPlain(text)) return nullptr;
  char* copy = pstrdup(text);
  Blank(copy);
  return copy;
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
