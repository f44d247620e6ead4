// IndexForm, QueryForm, NextSearchWord and HashForm. Input: two bytes that choose classes, then two values
// with a byte 0xff between them, which is in no text.

#include <algorithm>
#include <string>
#include <vector>

#include "bytes.h"
#include "check.h"
#include "normalize.h"
#include "search_form.h"
#include "shape.h"

namespace {

using namespace pii;

/// The built-in classes, and for each normaliser a custom one that allows every transform.
const std::vector<PiiClass>& Classes() {
  static const std::vector<PiiClass> kClasses = [] {
    std::vector<PiiClass> classes(BuiltinClasses().begin(), BuiltinClasses().end());
    for (int i = 0; i <= static_cast<int>(Normalizer::kIpAddress); ++i) {
      PiiClass custom{};
      custom.id = static_cast<uint16_t>(kFirstCustomClass + i);
      custom.normalizer = static_cast<Normalizer>(i);
      for (Transform transform : kTransforms) custom.transforms |= Just(transform);
      classes.push_back(custom);
    }
    return classes;
  }();
  return kClasses;
}

using MakeForm = Status (*)(const PiiClass& pii_class, Transform transform, std::string_view value,
                            std::span<char> out, size_t* size);

/// Into a buffer of exactly `room` bytes, so that the sanitizer sees the first byte beyond it.
Status FormInto(MakeForm make_form, const PiiClass& pii_class, Transform transform, std::string_view value,
                size_t room, std::string* form, size_t* size) {
  std::vector<char> out(room);
  Status status = make_form(pii_class, transform, value, out, size);
  if (status == Status::kOk) {
    Check(*size <= room, "the form fits the buffer");
    form->assign(out.data(), *size);
  }
  return status;
}

/// The form in a buffer that suffices, after the promises that hold for both functions were checked.
Status Form(MakeForm make_form, const PiiClass& pii_class, Transform transform, std::string_view value,
            std::string* form) {
  size_t size = 0;
  Status status =
      FormInto(make_form, pii_class, transform, value, NormalizedBound(value.size()), form, &size);
  if (!AllowsTransform(pii_class, transform)) {
    Check(status == Status::kNotSearchable, "a transform that is not allowed is refused first");
    return status;
  }
  if (!IsValidUtf8(value)) {
    Check(status == Status::kInvalidUtf8, "ill-formed text is refused");
    return status;
  }
  if (transform == Transform::kWord) {
    Check(status == Status::kNotSearchable, "words have no single form");
    return status;
  }
  Check(status == Status::kOk || (status == Status::kNoPart && transform != Transform::kExact),
        "well-formed text has a form within the bound, or no part");
  if (status == Status::kOk) {
    Check(IsValidUtf8(*form), "a form is text");
    Check(transform == Transform::kExact || !form->empty(), "a part is not empty");
  }
  std::string other;
  size_t needed = 0;
  Status small = FormInto(make_form, pii_class, transform, value, 0, &other, &needed);
  if (small == Status::kBufferTooSmall) {
    Check(needed > 0 && needed <= NormalizedBound(value.size()), "the size needed is within the bound");
    Check(FormInto(make_form, pii_class, transform, value, needed, &other, &size) == status,
          "the size needed is enough");
  } else {
    Check(small == status, "no buffer is refused with the size needed");
  }
  Check(status != Status::kOk || other == *form, "the form does not depend on the buffer");
  return status;
}

size_t CountWords(std::string_view text) {
  size_t count = 0;
  size_t offset = 0;
  size_t end = 0;
  for (;;) {
    std::string_view word = NextSearchWord(text, &offset);
    Check(offset <= text.size(), "the offset stays within the text");
    if (word.empty()) break;
    auto start = static_cast<size_t>(word.data() - text.data());
    Check(start >= end && (count == 0 || start > end), "words stand in order and apart");
    end = start + word.size();
    Check(offset == end, "the next word is looked for behind this one");
    ++count;
  }
  Check(offset == text.size(), "the last word was followed by nothing");
  return count;
}

void CheckForms(const PiiClass& pii_class, std::string_view value) {
  std::string normalized;
  if (Form(IndexForm, pii_class, Transform::kExact, value, &normalized) != Status::kOk) return;
  size_t words = CountWords(normalized);
  for (Transform transform : kTransforms) {
    std::string indexed;
    std::string queried;
    Status index_status = Form(IndexForm, pii_class, transform, value, &indexed);
    Status query_status = Form(QueryForm, pii_class, transform, value, &queried);
    if (index_status != Status::kOk) continue;
    Check(query_status == Status::kOk, "what is indexed can be searched for");
    // One word is the initials themselves.
    bool itself = transform == Transform::kInitials && words == 1;
    Check(itself || queried == indexed, "a whole value is searched as it is indexed");
    // Not so in a custom class, which may allow what makes no sense; nor of a part that reads like a whole
    // value, nor of initials that are lone jamos or marks, which NFC joins.
    bool alone = pii_class.id < kFirstCustomClass && transform != Transform::kInitials &&
                 (transform != Transform::kLocal || indexed.find('@') == std::string::npos);
    if (!alone) continue;
    Check(Form(QueryForm, pii_class, transform, indexed, &queried) == Status::kOk && queried == indexed,
          "a part alone is searched as it is indexed");
  }
}

SecretString Hashed(std::string_view value) {
  SecretString form;
  Check(HashForm(value, &form) == Status::kOk, "well-formed text has a hash form");
  return form;
}

std::string Normalized(const PiiClass& pii_class, std::string_view value) {
  std::vector<char> out(NormalizedBound(value.size()));
  size_t size = 0;
  Check(Normalize(pii_class, value, out, &size) == Status::kOk, "well-formed text is normalised");
  return {out.data(), size};
}

/// A normal form is equal to its value, and to every value of the same normal form.
void CheckHashForm(std::string_view value) {
  SecretString form;
  if (!IsValidUtf8(value)) {
    Check(HashForm(value, &form) == Status::kInvalidUtf8, "ill-formed text is refused");
    return;
  }
  form = Hashed(value);
  Check(IsValidUtf8({form.data(), form.size()}), "a hash form is text");
  for (const PiiClass& pii_class : Classes()) {
    if (pii_class.normalizer == Normalizer::kNone) continue;
    Check(Hashed(Normalized(pii_class, value)) == form, "a value and its normal form have one hash form");
  }
}

void CheckPair(const PiiClass& left, const PiiClass& right, std::string_view x, std::string_view y) {
  if (!IsValidUtf8(x) || !IsValidUtf8(y)) return;
  // A value of class text takes the other's class.
  const PiiClass& left_class = left.id == kTextClass ? right : left;
  const PiiClass& right_class = right.id == kTextClass ? left : right;
  if (left_class.normalizer == Normalizer::kNone || right_class.normalizer == Normalizer::kNone) return;
  if (Normalized(left_class, x) == Normalized(right_class, y)) {
    Check(Hashed(x) == Hashed(y), "equal values have one hash form");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const PiiClass& left = Classes()[data[0] % Classes().size()];
  const PiiClass& right = Classes()[data[1] % Classes().size()];
  std::string_view values = AsText({data + 2, size - 2});
  size_t split = std::min(values.find('\xff'), values.size());
  std::string_view x = values.substr(0, split);
  std::string_view y = values.substr(std::min(split + 1, values.size()));

  CountWords(values);  // ill-formed, too
  for (std::string_view value : {x, y, values}) {
    CheckForms(left, value);
    CheckHashForm(value);
  }
  CheckForms(right, y);
  CheckPair(left, right, x, y);
  return 0;
}
