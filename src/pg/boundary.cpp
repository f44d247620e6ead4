#include "boundary.h"

#include <cstring>
#include <exception>
#include <new>

namespace pii {

void SetText(CoreText* text, const char* source, size_t size) noexcept {
  if (text == nullptr) return;
  size_t fits = size < sizeof text->data ? size : sizeof text->data - 1;
  std::memcpy(text->data, source, fits);
  text->data[fits] = '\0';
}

Status GuardedCall(Status (*body)(void*), void* argument, CoreText* text) noexcept {
  try {
    return body(argument);
  } catch (const std::bad_alloc&) {
    constexpr char kText[] = "out of memory";
    SetText(text, kText, sizeof kText - 1);
    return Status::kOutOfMemory;
  } catch (const std::exception& exception) {
    SetText(text, exception.what(), std::strlen(exception.what()));
    return Status::kUnexpected;
  } catch (...) {
    constexpr char kText[] = "unknown exception";
    SetText(text, kText, sizeof kText - 1);
    return Status::kUnexpected;
  }
}

}  // namespace pii
