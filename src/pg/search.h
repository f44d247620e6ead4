#pragma once

#include "normalize.h"
#include "pii_class.h"
#include "status.h"
#include "values.h"

struct FunctionCallInfoBaseData;

namespace pii {

/// Scratch is memory for a form of a value. Most fit on the stack; the core wipes them where it used them.
struct Scratch {
  char stack[4096];
  char* heap;
  std::span<char> span;
};

/// OpenScratch makes room for `size` bytes, or as many as PostgreSQL gives; a form that does not fit then is
/// kBufferTooSmall.
void OpenScratch(Scratch* scratch, size_t size);
void CloseScratch(Scratch* scratch);

/// IsUnreadableInAnalyze tells whether ANALYZE evaluates the call, and the value cannot be read: no keys, it
/// is damaged, or the table's owner may not search it. It evaluates all expressions of an index when it wants
/// any of them, and must not fail.
bool IsUnreadableInAnalyze(FunctionCallInfoBaseData* fcinfo);

/// RequireSearchOfArgument raises 42501 when the current user may not search the class of an argument of type
/// pii_text. It is asked before the value is opened.
void RequireSearchOfArgument(FunctionCallInfoBaseData* fcinfo, int argument);

/// RequireSearchOfOpened is for a value whose class nobody could know before it was opened: text that is
/// sealed text. It closes the value before it raises the error.
void RequireSearchOfOpened(PlainValue* value);

/// ClassArgument returns the class that an argument of type text names. Raises 22023 when there is none.
uint16_t ClassArgument(FunctionCallInfoBaseData* fcinfo, int argument);

/// TransformArgument returns the transform that an argument of type text names; kExact when the function was
/// called without it. Raises 22023 when there is none, or when it is kWord and that is not allowed.
Transform TransformArgument(FunctionCallInfoBaseData* fcinfo, int argument, bool allow_word);

/// BlindIndexType returns the OID of pii_blind_index, for a function that returns an array of it.
unsigned int BlindIndexType(FunctionCallInfoBaseData* fcinfo);

/// ReportSearchFailure raises the error for a search by `transform`; for a class that does not allow it, with
/// those it allows.
[[noreturn]] void ReportSearchFailure(Status status, uint16_t class_id, Transform transform);

}  // namespace pii
