#include "base64.h"

#include <openssl/evp.h>

#include <climits>
#include <cstring>

#include "secret.h"

namespace pii {
namespace {

constexpr std::string_view kStandardDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void Replace(std::span<char> text, char from, char to) {
  char* end = text.data() + text.size();
  for (char* at = text.data();
       (at = static_cast<char*>(std::memchr(at, from, static_cast<size_t>(end - at))));)
    *at++ = to;
}

}  // namespace

size_t Base64Size(Base64 alphabet, size_t size) {
  return alphabet == Base64::kStandard ? (size + 2) / 3 * 4
                                       : size / 3 * 4 + (size % 3 == 0 ? 0 : size % 3 + 1);
}

void EncodeBase64(Base64 alphabet, ByteView bytes, std::span<char> text) {
  // EVP_EncodeBlock counts in int; groups of three bytes are independent, so long input goes in parts.
  constexpr size_t kPart = size_t{3} << 24;
  char* out = text.data();
  for (size_t start = 0; start < bytes.size(); start += kPart) {
    size_t size = std::min(kPart, bytes.size() - start);
    out += EVP_EncodeBlock(reinterpret_cast<uint8_t*>(out), bytes.data() + start, static_cast<int>(size));
  }
  if (alphabet == Base64::kStandard) return;
  // Two of 64 characters: looking for them is quicker than looking at each.
  text = text.first(Base64Size(alphabet, bytes.size()));
  Replace(text, '+', '-');
  Replace(text, '/', '_');
}

bool DecodeBase64(Base64 alphabet, std::string_view text, ByteSpan bytes, size_t* size) {
  // Not EVP_DecodeBlock: it takes white space, the other padding and stray bits, and each would be a second
  // text for the same sealed value.
  struct Table {
    int8_t digit[256];
    explicit Table(std::string_view digits) {
      std::memset(digit, -1, sizeof digit);
      for (size_t i = 0; i < digits.size(); ++i)
        digit[static_cast<uint8_t>(digits[i])] = static_cast<int8_t>(i);
    }
  };
  static const Table kStandardTable(kStandardDigits);
  static const Table kUrlTable(kUrlDigits);
  const Table& table = alphabet == Base64::kStandard ? kStandardTable : kUrlTable;

  *size = 0;
  if (alphabet == Base64::kStandard) {
    if (text.size() % 4 != 0) return false;
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return false;

  // What is invalid shows in the sign; it is decoded all the same, and thrown away at the end.
  const auto* in = reinterpret_cast<const uint8_t*>(text.data());
  const uint8_t* end = in + text.size();
  uint8_t* out = bytes.data();
  int invalid = 0;
  for (; end - in >= 4; in += 4) {
    int a = table.digit[in[0]], b = table.digit[in[1]], c = table.digit[in[2]], d = table.digit[in[3]];
    invalid |= a | b | c | d;
    auto group = static_cast<uint32_t>(a) << 18 | static_cast<uint32_t>(b) << 12 |
                 static_cast<uint32_t>(c) << 6 | static_cast<uint32_t>(d);
    *out++ = static_cast<uint8_t>(group >> 16);
    *out++ = static_cast<uint8_t>(group >> 8);
    *out++ = static_cast<uint8_t>(group);
  }
  uint32_t bits = 0;
  int bit_count = 0;
  for (; in < end; ++in) {
    int digit = table.digit[*in];
    invalid |= digit;
    bits = bits << 6 | (static_cast<uint32_t>(digit) & 63);
    bit_count += 6;
    if (bit_count < 8) continue;
    bit_count -= 8;
    *out++ = static_cast<uint8_t>(bits >> bit_count);
  }
  auto written = static_cast<size_t>(out - bytes.data());
  bool stray_bits = (bits & ((1u << bit_count) - 1)) != 0;
  if (invalid < 0 || stray_bits) {
    Wipe(bytes.first(written));
    return false;
  }
  *size = written;
  return true;
}

}  // namespace pii
