#include "base64.h"

#include <gtest/gtest.h>

#include "specimen.h"
#include "vectors.h"

namespace pii {
namespace {

using test::Bytes;

std::string Encode(Base64 alphabet, ByteView bytes) {
  std::string text(bytes.size() / 3 * 4 + 5, '\x7f');
  EncodeBase64(alphabet, bytes, text);
  text.resize(Base64Size(alphabet, bytes.size()));
  return text;
}

bool Decode(Base64 alphabet, std::string_view text, Bytes* bytes) {
  bytes->assign(text.size() / 4 * 3 + 3, 0xAA);
  size_t size = 0;
  if (!DecodeBase64(alphabet, text, *bytes, &size)) return false;
  bytes->resize(size);
  return true;
}

TEST(Base64, GivesTheExamplesOfRfc4648) {
  const std::pair<const char*, const char*> kExamples[] = {{"", ""},
                                                           {"f", "Zg=="},
                                                           {"fo", "Zm8="},
                                                           {"foo", "Zm9v"},
                                                           {"foob", "Zm9vYg=="},
                                                           {"fooba", "Zm9vYmE="},
                                                           {"foobar", "Zm9vYmFy"},
                                                           {"\xfb\xff\xbf", "+/+/"}};
  for (auto [bytes, text] : kExamples) {
    EXPECT_EQ(Encode(Base64::kStandard, AsBytes(bytes)), text);
    std::string url = text;
    while (url.ends_with('=')) url.pop_back();
    for (char& c : url) c = c == '+' ? '-' : c == '/' ? '_' : c;
    EXPECT_EQ(Encode(Base64::kUrl, AsBytes(bytes)), url);
    Bytes decoded;
    ASSERT_TRUE(Decode(Base64::kStandard, text, &decoded));
    EXPECT_EQ(AsText(decoded), bytes);
    ASSERT_TRUE(Decode(Base64::kUrl, url, &decoded));
    EXPECT_EQ(AsText(decoded), bytes);
  }
}

TEST(Base64, DecodesWhatItEncodes) {
  test::Specimens specimens(40);
  for (Base64 alphabet : {Base64::kStandard, Base64::kUrl}) {
    for (size_t size = 0; size < 300; ++size) {
      Bytes bytes = specimens.RandomBytes(size);
      Bytes decoded;
      ASSERT_TRUE(Decode(alphabet, Encode(alphabet, bytes), &decoded));
      ASSERT_EQ(decoded, bytes);
    }
  }
}

TEST(Base64, EncodesMoreThanOnePart) {
  Bytes bytes((size_t{3} << 24) + 4);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7 >> 3);
  Bytes decoded;
  ASSERT_TRUE(Decode(Base64::kUrl, Encode(Base64::kUrl, bytes), &decoded));
  EXPECT_TRUE(decoded == bytes);
}

TEST(Base64, RefusesASecondTextForTheSameBytes) {
  Bytes bytes;
  for (const char* text : {"Zg",     "Zg=",    "Zg===", "Zh==",         "Zm9=", "Zm8",   "Zm9v====",
                           "Zm9v=",  "=",      "==",    "====",         "A===", "Z g==", " Zg==",
                           "Zg==\n", "Zm9v\n", "Z=g=",  "Zm9vZg==Zm9v", "-_-_", "Zm\0v", "Zm9\xc3"}) {
    EXPECT_FALSE(Decode(Base64::kStandard, text, &bytes)) << text;
  }
  for (const char* text :
       {"Zg==", "Zg=", "Zm8=", "Zh", "Zm9", "Z", "Zm9vZ", "+/+/", "Zg\n", " Zg", "Zm9\xff"}) {
    EXPECT_FALSE(Decode(Base64::kUrl, text, &bytes)) << text;
  }
}

TEST(Base64, WipesWhatItDecodedBeforeTheError) {
  std::string text = Encode(Base64::kStandard, Bytes(30, 0x55));
  for (size_t at = 0; at < text.size(); ++at) {
    std::string damaged = text;
    damaged[at] = '*';
    Bytes bytes(text.size() / 4 * 3 + 3, 0x00);
    size_t size = 99;
    ASSERT_FALSE(DecodeBase64(Base64::kStandard, damaged, bytes, &size));
    ASSERT_TRUE(test::AllBytesAre(bytes, 0));
    ASSERT_EQ(size, 0u);
  }
}

TEST(Base64, AcceptsRandomTextOnlyInTheFormItWrites) {
  test::Specimens specimens(41);
  constexpr std::string_view kCharacters = "ABCwxyz0189+/-_==";
  size_t accepted = 0;
  for (int i = 0; i < 300'000; ++i) {
    std::string text;
    if (specimens.OneIn(2)) {
      text = specimens.RandomText(24);
    } else {
      for (size_t size = specimens.Below(13); size > 0; --size)
        text += kCharacters[specimens.Below(kCharacters.size())];
    }
    for (Base64 alphabet : {Base64::kStandard, Base64::kUrl}) {
      Bytes bytes;
      if (!Decode(alphabet, text, &bytes)) continue;
      ++accepted;
      ASSERT_EQ(Encode(alphabet, bytes), text);
    }
  }
  EXPECT_GT(accepted, 1000u);
}

}  // namespace
}  // namespace pii
