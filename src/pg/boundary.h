#pragma once

// The wall between C++ and PostgreSQL.
//
// PostgreSQL reports an error by longjmp, which skips destructors; C++ by exceptions, which must not reach
// PostgreSQL. So a core call is wrapped, and the error is raised after the wrapper has returned:
//
// clang-format off
//   wrong                                            right
//   std::string text = FormatKeyring(keyring);       Status status = CallCore([&] { return Format(...); });
//   if (text.empty()) ereport(ERROR, ...);           if (status != Status::kOk) ereport(ERROR, ...);
//   // longjmp: text is never freed, and holds keys  // nothing in this frame has a destructor
//
//   try { ... } catch (std::exception& e) {          CoreText text;
//     ereport(ERROR, errmsg("%s", e.what()));        Status status = CallCore([&] { ... }, &text);
//   }                                                if (status != Status::kOk) ereport(ERROR, ... text.data);
//   // longjmp out of a catch leaks the exception    // the catch block was left long ago
// clang-format on
//
// A frame that can ereport (that is: calls any PostgreSQL function) holds only trivially destructible
// objects.

#include <memory>
#include <type_traits>

#include "status.h"

namespace pii {

/// CoreText is a line of text that survives the end of all C++ objects. It is cut where it does not fit.
struct CoreText {
  char data[512];
};

/// GuardedCall runs `body` and catches every exception: kOutOfMemory, or kUnexpected with its text in
/// `*text`.
Status GuardedCall(Status (*body)(void*), void* argument, CoreText* text) noexcept;

/// SetText copies `source` into `*text`, cut to fit.
void SetText(CoreText* text, const char* source, size_t size) noexcept;

/// CallCore runs `body`, a callable that returns Status, behind the wall. `body` must not call PostgreSQL.
template <typename Body>
Status CallCore(Body&& body, CoreText* text = nullptr) noexcept {
  using Callable = std::remove_reference_t<Body>;
  return GuardedCall([](void* argument) { return (*static_cast<Callable*>(argument))(); },
                     std::addressof(body), text);
}

}  // namespace pii
