#include "specimen.h"

#include <algorithm>
#include <cstring>
#include <ostream>

#include "mask.h"
#include "shape.h"

namespace pii {

void PrintTo(const PiiClass& pii_class, std::ostream* out) { *out << pii_class.name(); }
void PrintTo(Transform transform, std::ostream* out) { *out << TransformName(transform); }

namespace test {

Bytes Specimens::RandomBytes(size_t size) {
  Bytes bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(engine_());
  return bytes;
}

std::string Specimens::RandomText(size_t most) {
  constexpr std::string_view kLikely = "0123456789abcdefABCDEF+-*@.:/[]{}\"=_ \t,piv";
  std::string text;
  size_t size = Below(most + 1);
  bool only_likely = OneIn(2);
  while (text.size() < size) {
    if (!only_likely && OneIn(3)) {
      text += static_cast<char>(engine_());
    } else {
      text += kLikely[Below(kLikely.size())];
    }
  }
  return text;
}

std::string Specimens::Mutation(std::string text) {
  for (size_t left = 1 + Below(3); left > 0; --left) {
    size_t at = Below(text.size() + 1);
    switch (Below(5)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(engine_());
        break;
      case 1:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << Below(8)));
        break;
      case 2:
        text.erase(at, 1 + Below(4));
        break;
      case 3:
        text.insert(at, 1, static_cast<char>(engine_()));
        break;
      case 4:
        text.insert(at, text.substr(at, 1 + Below(8)));
        break;
    }
  }
  return text;
}

std::string Specimens::Digits(size_t count) {
  // ASCII, fullwidth, Arabic-Indic, Devanagari, mathematical bold.
  constexpr char32_t kZeros[] = {'0', '0', '0', '0', 0xFF10, 0x0660, 0x0966, 0x1D7CE};
  char32_t zero = Pick(kZeros);
  std::string digits;
  while (count-- > 0) digits += Utf8(zero + static_cast<char32_t>(Below(10)));
  return digits;
}

std::string Specimens::Separated(const std::string& characters, size_t odds) {
  const char* const separators[] = {" ", "-", ".", "/", "\u00a0", "\u2013", "\u2212", "  ", "(", ") ", "_"};
  std::string text;
  for (size_t offset = 0; offset < characters.size();) {
    size_t start = offset;
    NextCodePoint(characters, &offset);
    if (start > 0 && OneIn(odds)) text += Pick(separators);
    text += characters.substr(start, offset - start);
  }
  return text;
}

std::string Specimens::Name() {
  const char* const words[] = {"Jane",
                               "Doe",
                               "O'Brien",
                               "Zoë",
                               "Zoe\u0308",
                               "Łukasz",
                               "李",
                               "娜",
                               "van",
                               "der",
                               "Straße",
                               "İpek",
                               "ΐ",
                               "ﷺ",
                               "ﬁona",
                               "𝒜da",
                               "J",
                               "Al",
                               "***",
                               "D***",
                               "J***",
                               "Q\u0323\u0307x",
                               "👩‍👩‍👧",
                               "\u200b",
                               "Anna-Lena",
                               "Ⅷ",
                               "ǅ",
                               "ᄀ",
                               "가나다"};
  const char* const spaces[] = {" ", " ", " ", "  ", "\u00a0", "\t", "\u3000", "\u2028"};
  std::string name;
  if (OneIn(10)) name += Pick(spaces);
  for (size_t left = 1 + Below(4); left > 0; --left) {
    name += Pick(words);
    if (left > 1 || OneIn(10)) name += Pick(spaces);
  }
  return name;
}

std::string Specimens::Realistic(MaskRule rule) {
  switch (rule) {
    case MaskRule::kHidden:
    case MaskRule::kName:
      return Name();
    case MaskRule::kEmail: {
      const char* const locals[] = {"j",       "jane.doe",          "JANE+tag", "zoë",  "a@b",
                                    "\"x y\"", "longer_local_part", "j***",     "****", "李娜",
                                    ".dot."};
      const char* const hosts[] = {
          "example.com", "e***.com", "mail.example.co.uk", "münchen.de", "x.y",         "localhost",
          "例え.テスト", "a.museum", "big-host-name.org",  ".com",       "example.c0m", "***.***"};
      return std::string(Pick(locals)) + "@" + Pick(hosts);
    }
    case MaskRule::kPhone:
      return (OneIn(2) ? "+" : "") + Separated(Digits(6 + Below(11)), 4);
    case MaskRule::kSsn:
      return OneIn(2) ? Digits(3) + "-" + Digits(2) + "-" + Digits(4) : Separated(Digits(8 + Below(3)), 4);
    case MaskRule::kPan:
      return Separated(Digits(11 + Below(10)), 5);
    case MaskRule::kIban: {
      constexpr std::string_view kCharacters =
          "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
      std::string text = OneIn(2) ? "DE" : "gb";
      for (size_t left = 2; left > 0; --left) text += static_cast<char>('0' + Below(10));
      for (size_t left = 9 + Below(24); left > 0; --left)
        text += kCharacters[Below(OneIn(2) ? 10 : kCharacters.size())];
      for (size_t at = 4; OneIn(2) && at < text.size(); at += 5) text.insert(at, 1, OneIn(5) ? '-' : ' ');
      return text;
    }
    case MaskRule::kAccount:
    case MaskRule::kKeep: {
      const char* const parts[] = {"AB", "12345", "x", "é", "ﬀ", "9", "0042", "ß", "Ⅳ", "李", "****", "٣٤٥"};
      std::string text;
      for (size_t left = 1 + Below(8); left > 0; --left) text += Pick(parts);
      return OneIn(2) ? text : Separated(text, 4);
    }
    case MaskRule::kDate: {
      const char* const separators[] = {"-", "/", ".", "", " "};
      const char* separator = Pick(separators);
      char text[64];
      std::snprintf(text, sizeof text, OneIn(4) ? "%04zu%s%zu%s%zu" : "%04zu%s%02zu%s%02zu", Below(10000),
                    separator, Below(14), separator, Below(33));
      return text;
    }
    case MaskRule::kIp: {
      char text[64];
      if (OneIn(2)) {
        std::snprintf(text, sizeof text, "%zu.%zu.%zu.%zu", Below(260), Below(256), Below(256), Below(256));
        return (OneIn(4) ? "::ffff:" : "") + std::string(text);
      }
      std::string address;
      size_t run = Below(9);
      for (size_t i = 0; i < 8; ++i) {
        if (i == run) {
          address += i == 0 ? "::" : ":";
          i += Below(4);
          continue;
        }
        std::snprintf(text, sizeof text, OneIn(2) ? "%zx" : "%04zX", OneIn(3) ? 0 : Below(65536));
        address += text;
        if (i < 7) address += ":";
      }
      return address;
    }
  }
  return {};
}

std::string Specimens::Hostile(MaskRule rule) {
  std::string value = Realistic(rule);
  switch (Below(8)) {
    case 0:
      return Mutation(value);
    case 1: {
      PiiClass pii_class{};
      pii_class.mask = rule;
      pii_class.keep_first = static_cast<uint8_t>(Below(4));
      pii_class.keep_last = static_cast<uint8_t>(Below(4));
      std::string mask(MaskBound(value.size()), '\0');
      mask.resize(Mask(pii_class, value, mask));
      return OneIn(2) ? mask : Mutation(mask);
    }
    case 2: {
      const char* const ends[] = {"*",  "**", "****",   "[",      "]",  " ", "\u00a0",
                                  "\n", "-",  "\u0301", "\u202e", "*-", "* "};
      return OneIn(2) ? Pick(ends) + value : value + Pick(ends);
    }
    case 3: {
      const char* const texts[] = {"",
                                   "*",
                                   "****",
                                   "***",
                                   "*****",
                                   " ",
                                   "* *",
                                   "[",
                                   "[]",
                                   "[ssn]",
                                   "[name]",
                                   "***-**-6789",
                                   "***-***-0123",
                                   "**** **** **** 1111",
                                   "DE** **** 3000",
                                   "****6789",
                                   "1980-**-**",
                                   "203.0.113.*",
                                   "2001:db8:1:*",
                                   "J*** D***",
                                   "j***@e***.com",
                                   "***-**-",
                                   "****-**-6789",
                                   "0:0:0:*",
                                   "::*",
                                   "*.*.*.*",
                                   "\xff",
                                   "\xc3",
                                   "\xed\xa0\x80",
                                   "\xf4\x90\x80\x80"};
      return Pick(texts);
    }
    case 4:
      return value + (OneIn(2) ? " " : "") + Realistic(rule);
    case 5:
      return value.substr(0, Below(value.size() + 1));
    case 6: {
      // Asterisks in place of some characters, as a careless export leaves them.
      for (char& c : value) {
        if (static_cast<uint8_t>(c) < 0x80 && OneIn(3)) c = '*';
      }
      return value;
    }
    default:
      return value;
  }
}

std::string Utf8(char32_t c) {
  std::string text;
  if (c < 0x80) return {static_cast<char>(c)};
  if (c >= 0x10000) {
    text += static_cast<char>(0xF0 | c >> 18);
    text += static_cast<char>(0x80 | (c >> 12 & 0x3F));
  } else if (c >= 0x800) {
    text += static_cast<char>(0xE0 | c >> 12);
  } else {
    text += static_cast<char>(0xC0 | c >> 6);
  }
  if (c >= 0x800) text += static_cast<char>(0x80 | (c >> 6 & 0x3F));
  text += static_cast<char>(0x80 | (c & 0x3F));
  return text;
}

size_t CountCodePoints(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

PiiClass BuiltinClass(std::string_view name) {
  for (const PiiClass& builtin : BuiltinClasses()) {
    if (builtin.name() == name) return builtin;
  }
  throw std::invalid_argument("no such class");
}

PiiClass KeepClass(uint8_t keep_first, uint8_t keep_last) {
  PiiClass custom{};
  custom.id = kFirstCustomClass;
  custom.normalizer = Normalizer::kNfc;
  custom.mask = MaskRule::kKeep;
  custom.keep_first = keep_first;
  custom.keep_last = keep_last;
  std::snprintf(custom.name_text, sizeof custom.name_text, "keep_%d_%d", keep_first, keep_last);
  return custom;
}

PiiClass CustomClass(Normalizer normalizer) {
  PiiClass custom = KeepClass(0, 3);
  custom.id = static_cast<uint16_t>(kFirstCustomClass + static_cast<int>(normalizer));
  custom.normalizer = normalizer;
  for (Transform transform : kTransforms) {
    if (transform != Transform::kExact) custom.transforms |= Just(transform);
  }
  std::string name = "custom_" + std::string(NormalizerName(normalizer));
  std::snprintf(custom.name_text, sizeof custom.name_text, "%s", name.c_str());
  return custom;
}

std::vector<PiiClass> SearchableClasses() {
  std::vector<PiiClass> classes;
  for (const PiiClass& builtin : BuiltinClasses()) {
    if (builtin.normalizer != Normalizer::kNone) classes.push_back(builtin);
  }
  for (Normalizer normalizer : {Normalizer::kNfc, Normalizer::kName, Normalizer::kEmail, Normalizer::kAddress,
                                Normalizer::kPlusDigits, Normalizer::kDigits, Normalizer::kAlphanumeric,
                                Normalizer::kIsoDate, Normalizer::kIpAddress}) {
    classes.push_back(CustomClass(normalizer));
  }
  return classes;
}

MaskRule RealisticRule(const PiiClass& pii_class) {
  // A class that shows nothing says nothing about its values, nor does a custom one.
  bool telling = pii_class.mask != MaskRule::kHidden && pii_class.mask != MaskRule::kKeep;
  if (telling) return pii_class.mask;
  switch (pii_class.normalizer) {
    case Normalizer::kEmail:
      return MaskRule::kEmail;
    case Normalizer::kPlusDigits:
      return MaskRule::kPhone;
    case Normalizer::kDigits:
      return MaskRule::kSsn;
    case Normalizer::kAlphanumeric:
      return MaskRule::kAccount;
    case Normalizer::kIsoDate:
      return MaskRule::kDate;
    case Normalizer::kIpAddress:
      return MaskRule::kIp;
    case Normalizer::kNone:
    case Normalizer::kNfc:
    case Normalizer::kName:
    case Normalizer::kAddress:
      break;
  }
  return MaskRule::kName;
}

std::vector<PiiClass> AllClasses() {
  std::span<const PiiClass> builtin = BuiltinClasses();
  std::vector<PiiClass> classes(builtin.begin(), builtin.end());
  for (auto [first, last] :
       {std::pair<uint8_t, uint8_t>{0, 0}, {0, 3}, {2, 0}, {2, 2}, {1, 1}, {255, 255}, {4, 1}}) {
    classes.push_back(KeepClass(first, last));
  }
  return classes;
}

void AddKey(KeySet* keys, uint16_t version, uint8_t byte, KeyStatus status) {
  KeyVersion key;
  key.status = status;
  if (status != KeyStatus::kDestroyed) std::memset(key.key.Expose().data(), byte, SecretKey::kSize);
  keys->versions.emplace(version, std::move(key));
  if (keys->primary == 0) keys->primary = version;
}

bool AllBytesAre(ByteView bytes, uint8_t byte) {
  return std::all_of(bytes.begin(), bytes.end(), [byte](uint8_t other) { return other == byte; });
}

}  // namespace test
}  // namespace pii
