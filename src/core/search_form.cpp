#include "search_form.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "bytes.h"
#include "normalize.h"
#include "secret.h"
#include "shape.h"
#include "unicode_form.h"

namespace pii {
namespace {

/// The size in bytes of the first `count` code points; kNone when there are fewer.
constexpr size_t kNone = static_cast<size_t>(-1);
size_t PrefixSize(std::string_view text, size_t count) {
  size_t offset = 0;
  for (; count > 0; --count) {
    if (offset == text.size()) return kNone;
    NextCodePoint(text, &offset);
  }
  return offset;
}

size_t CountCodePoints(std::string_view text) {
  size_t count = 0;
  for (size_t offset = 0; offset < text.size(); ++count) NextCodePoint(text, &offset);
  return count;
}

size_t CountWords(std::string_view text) {
  size_t count = 0;
  for (size_t offset = 0; !NextSearchWord(text, &offset).empty();) ++count;
  return count;
}

bool IsYear(std::string_view text) {
  return text.size() == 4 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Keeps text[start, start + count), moved to the front.
Status Keep(std::span<char> text, size_t start, size_t count, size_t* size) {
  if (count == 0) return Status::kNoPart;
  std::memmove(text.data(), text.data() + start, count);
  *size = count;
  return Status::kOk;
}

/// Keeps `part`, which lies in `text`.
Status KeepView(std::span<char> text, std::string_view part, size_t* size) {
  if (part.empty()) return Status::kNoPart;
  return Keep(text, static_cast<size_t>(part.data() - text.data()), part.size(), size);
}

/// The first character of each word, in place: what is written is never ahead of what is read.
Status KeepInitials(std::span<char> text, size_t* size) {
  std::string_view source(text.data(), text.size());
  size_t written = 0;
  size_t offset = 0;
  for (;;) {
    std::string_view word = NextSearchWord(source, &offset);
    if (word.empty()) break;
    size_t first = PrefixSize(word, 1);
    std::memmove(text.data() + written, word.data(), first);
    written += first;
  }
  *size = written;
  return written > 0 ? Status::kOk : Status::kNoPart;
}

Status KeepLast4(std::span<char> text, size_t* size) {
  std::string_view whole(text.data(), text.size());
  size_t count = CountCodePoints(whole);
  if (count < 4) return Status::kNoPart;
  size_t start = PrefixSize(whole, count - 4);
  return Keep(text, start, whole.size() - start, size);
}

Status KeepPart(Transform transform, std::span<char> text, size_t* size) {
  std::string_view whole(text.data(), text.size());
  size_t at = whole.rfind('@');
  switch (transform) {
    case Transform::kExact:
      return Status::kOk;
    case Transform::kLast4:
      return KeepLast4(text, size);
    case Transform::kDomain:
      return at == std::string_view::npos ? Status::kNoPart
                                          : KeepView(text, TrimWhiteSpace(whole.substr(at + 1)), size);
    case Transform::kLocal:
      return at == std::string_view::npos ? Status::kNoPart
                                          : KeepView(text, TrimWhiteSpace(whole.substr(0, at)), size);
    case Transform::kYear:
      return IsYear(whole.substr(0, 4)) ? Keep(text, 0, 4, size) : Status::kNoPart;
    case Transform::kFirst3: {
      size_t end = PrefixSize(whole, 3);
      return end == kNone ? Status::kNoPart : Keep(text, 0, end, size);
    }
    case Transform::kInitials:
      return KeepInitials(text, size);
    case Transform::kWord:
      break;
  }
  return Status::kNotSearchable;
}

/// Letters and digits alone, also in NFKC, where some letters come apart.
bool IsAlphanumeric(std::string_view text) {
  SecretString compatible(NormalizedBound(text.size()), '\0');
  size_t size = 0;
  if (ToNfkc(text, compatible, &size) != Status::kOk) return false;
  std::string_view apart(compatible.data(), size);
  for (size_t offset = 0; offset < apart.size();) {
    if (!IsLetterOrDigit(NextCodePoint(apart, &offset))) return false;
  }
  return true;
}

/// Is `text` what the normaliser makes of a value it understands? Any other was brought to NFC only, and a
/// part cut out of that would be another one than the same part normalised on its own.
bool IsOfNormalizer(Normalizer normalizer, std::string_view text) {
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  switch (normalizer) {
    case Normalizer::kPlusDigits:
      if (text.substr(0, 1) == "+") text.remove_prefix(1);
      [[fallthrough]];
    case Normalizer::kDigits:
      return std::all_of(text.begin(), text.end(), is_digit);
    case Normalizer::kAlphanumeric:
      return IsAlphanumeric(text);
    default:
      return true;
  }
}

/// Is the normalised `text` the part itself, and not a value that has it?
bool IsPartAlone(Transform transform, std::string_view text) {
  switch (transform) {
    case Transform::kLast4:
      return CountCodePoints(text) == 4;
    case Transform::kDomain:
    case Transform::kLocal:
      return !text.empty() && text.find('@') == std::string_view::npos;
    case Transform::kYear:
      return IsYear(text);
    case Transform::kInitials:
      return CountWords(text) == 1;
    case Transform::kExact:
    case Transform::kFirst3:
    case Transform::kWord:
      break;
  }
  return false;
}

/// Of one word, the word alone: initials may be written `jd.`
Status KeepWord(std::span<char> text, size_t* size) {
  std::string_view whole(text.data(), text.size());
  size_t offset = 0;
  std::string_view word = NextSearchWord(whole, &offset);
  return KeepView(text, word, size);
}

bool IsWordCharacter(int32_t c) {
  return IsLetterOrDigit(c) || (c >= 0x80 && (U_GET_GC_MASK(c) & U_GC_M_MASK) != 0);
}

/// Spells an IPv6 address out as eight groups, because :: and mixed notation hide digits that others write.
bool SpellOutIpV6(std::string_view value, char (&text)[40]) {
  if (value.find(':') == std::string_view::npos) return false;
  IpAddress address;
  if (!ParseIp(TrimWhiteSpace(value), &address) || !address.v6) return false;
  for (int i = 0; i < 8; ++i) {
    std::snprintf(text + 4 * i, 5, "%04x", LoadBigEndian16(address.bytes.data() + 2 * i));
  }
  return true;
}

using ToForm = Status (*)(std::string_view value, std::span<char> out, size_t* size);

/// Replaces `*text` by its form.
Status Apply(ToForm to_form, SecretString* text) {
  SecretString out(text->size() * 2 + 16, '\0');
  size_t size = 0;
  Status status = to_form(*text, out, &size);
  if (status == Status::kBufferTooSmall) {
    out.resize(size);
    status = to_form(*text, out, &size);
  }
  out.resize(status == Status::kOk ? size : 0);
  *text = std::move(out);
  return status;
}

/// Keeps letters and digits, digits of every script as ASCII, no zeros; ASCII letters in lower case; in
/// place.
size_t KeepSignificant(std::span<char> text) {
  std::string_view source(text.data(), text.size());
  size_t written = 0;
  for (size_t read = 0; read < source.size();) {
    size_t start = read;
    int32_t c = NextCodePoint(source, &read);
    if (!IsLetterOrDigit(c)) continue;
    int digit = DigitValue(c);
    if (digit >= 0) {
      if (digit > 0) text[written++] = static_cast<char>('0' + digit);
    } else if (c < 0x80) {
      text[written++] = ToAsciiLower(static_cast<char>(c));
    } else {
      while (start < read) text[written++] = text[start++];
    }
  }
  return written;
}

}  // namespace

std::string_view NextSearchWord(std::string_view normalized, size_t* offset) {
  size_t start = *offset;
  bool in_word = false;
  while (*offset < normalized.size()) {
    size_t next = *offset;
    bool inside = IsWordCharacter(NextCodePoint(normalized, &next));
    if (in_word && !inside) break;
    if (!in_word && inside) {
      start = *offset;
      in_word = true;
    }
    *offset = next;
  }
  return in_word ? normalized.substr(start, *offset - start) : std::string_view();
}

Status IndexForm(const PiiClass& pii_class, Transform transform, std::string_view value, std::span<char> out,
                 size_t* size) {
  *size = 0;
  // Of words there are several forms: NextSearchWord.
  if (!AllowsTransform(pii_class, transform) || transform == Transform::kWord) return Status::kNotSearchable;
  Status status = Normalize(pii_class, value, out, size);
  if (status != Status::kOk || transform == Transform::kExact) return status;
  bool is_of_class =
      HasShape(pii_class.shape, value) && IsOfNormalizer(pii_class.normalizer, {out.data(), *size});
  return is_of_class ? KeepPart(transform, out.first(*size), size) : Status::kNoPart;
}

Status QueryForm(const PiiClass& pii_class, Transform transform, std::string_view value, std::span<char> out,
                 size_t* size) {
  *size = 0;
  if (!AllowsTransform(pii_class, transform) || transform == Transform::kWord) return Status::kNotSearchable;
  if (transform == Transform::kExact) return Normalize(pii_class, value, out, size);
  bool is_whole = HasShape(pii_class.shape, value);
  if (is_whole && pii_class.shape != Shape::kAny) return IndexForm(pii_class, transform, value, out, size);
  PiiClass part_class = pii_class;
  part_class.shape = Shape::kAny;  // a part has not the shape of the whole
  Status status = Normalize(part_class, value, out, size);
  if (status != Status::kOk) return status;
  std::string_view normalized(out.data(), *size);
  if (!IsOfNormalizer(pii_class.normalizer, normalized)) return Status::kNoPart;
  if (!IsPartAlone(transform, normalized)) {
    return is_whole ? KeepPart(transform, out.first(*size), size) : Status::kNoPart;
  }
  return transform == Transform::kInitials ? KeepWord(out.first(*size), size) : Status::kOk;
}

Status HashForm(std::string_view value, SecretString* form) {
  if (!IsValidUtf8(value)) return Status::kInvalidUtf8;
  form->assign(value);
  if (!IsAscii(value)) {
    // Upper case and then casefold: dotless i and i are one letter in upper case, and two in casefold. Apart
    // at the end, so that it does not matter what stood between a letter and its accent.
    for (ToForm to_form : {ToNfkc, ToUpper, ToNfkcCasefold, ToNfkd}) {
      Status status = Apply(to_form, form);
      if (status != Status::kOk) return status;
    }
  }
  char spelled_out[40];
  if (SpellOutIpV6(*form, spelled_out)) {
    form->assign(spelled_out, 32);
    Wipe({reinterpret_cast<uint8_t*>(spelled_out), sizeof spelled_out});
  }
  form->resize(KeepSignificant({form->data(), form->size()}));
  return Status::kOk;
}

}  // namespace pii
