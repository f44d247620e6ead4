#include "sealed_text.h"

#include <gtest/gtest.h>

#include "base64.h"
#include "sealed_value.h"
#include "specimen.h"
#include "vectors.h"

namespace pii {
namespace {

using test::Bytes;

std::string Write(ByteView sealed) {
  std::string text(SealedTextBound(sealed.size()), '\x7f');
  text.resize(WriteSealedText(sealed, text));
  return text;
}

Status Parse(std::string_view text, Bytes* sealed) {
  sealed->assign(SealedBytesBound(text.size()), 0xAA);
  size_t size = 0;
  Status status = ParseSealedText(text, *sealed, &size);
  if (status == Status::kOk) sealed->resize(size);
  return status;
}

Status Parse(std::string_view text) {
  Bytes sealed;
  return Parse(text, &sealed);
}

/// `pii:v<version>:` and the base64url of `sealed`, whatever they are.
std::string Compose(std::string_view version, ByteView sealed) {
  std::string body(sealed.size() / 3 * 4 + 5, '\0');
  EncodeBase64(Base64::kUrl, sealed, body);
  body.resize(Base64Size(Base64::kUrl, sealed.size()));
  return "pii:v" + std::string(version) + ":" + body;
}

Bytes ValidSealed(uint16_t version = 1, size_t size = 57) {
  Bytes sealed = test::Specimens(60).RandomBytes(size);
  WriteHeader(SealedValue::kXaes256Gcm, 4, version, ByteSpan(sealed).first<SealedValue::kHeaderSize>());
  return sealed;
}

TEST(SealedText, IsThatOfTheVectorFileBothWays) {
  auto records = test::RecordsWith(test::ReadRecords("sealed_values.txt"), "TEXT");
  ASSERT_EQ(records.size(), 6u);
  for (test::Record& record : records) {
    Bytes sealed = test::FromHex(record["SEALED"]);
    EXPECT_EQ(Write(sealed), record["TEXT"]);
    Bytes parsed;
    ASSERT_EQ(Parse(record["TEXT"], &parsed), Status::kOk);
    EXPECT_EQ(parsed, sealed);
  }
}

TEST(SealedText, ReadsWhatItWritesForEverySizeAndVersionLength) {
  for (uint16_t version : {1, 9, 10, 99, 999, 9999, 10000, 65535}) {
    for (size_t size = SealedValue::kOverhead; size < 130; ++size) {
      Bytes sealed = ValidSealed(version, size);
      Bytes parsed;
      ASSERT_EQ(Parse(Write(sealed), &parsed), Status::kOk);
      ASSERT_EQ(parsed, sealed);
    }
  }
}

TEST(LooksLikeSealedText, NeedsPrefixDigitsAndColon) {
  for (const char* text : {"pii:v1:", "pii:v1:x", "pii:v0:", "pii:v01:", "pii:v65536:",
                           "pii:v99999999999999999999:x", "pii:v1: not base64"}) {
    EXPECT_TRUE(LooksLikeSealedText(text)) << text;
  }
  for (const char* text : {"", "p", "pii", "pii:", "pii:v", "pii:v:", "pii:v1", "pii:vx:", "pii:v-1:",
                           "pii:v1x:", "PII:v1:", " pii:v1:", "pii: v1:", "pii:v 1:", "123-45-6789"}) {
    EXPECT_FALSE(LooksLikeSealedText(text)) << text;
  }
}

TEST(ParseSealedText, RefusesTextThatOnlyBeginsLikeIt) {
  Bytes sealed = ValidSealed();
  std::string good = Compose("1", sealed);
  ASSERT_EQ(Parse(good), Status::kOk);
  for (const char* version :
       {"0", "01", "001", "2", "11", "65535", "65536", "65537", "4294967297", "18446744073709551617"}) {
    EXPECT_EQ(Parse(Compose(version, sealed)), Status::kMalformedSealedText) << version;
  }
  const std::string kTexts[] = {good + "=", good + " ", good + "\n",   " " + good.substr(7),
                                "pii:v1:",  "pii:v1:A", "pii:v1:****", "pii:v1:" + good};
  for (const std::string& text : kTexts) {
    EXPECT_NE(Parse(text), Status::kOk) << text;
  }
  EXPECT_EQ(Parse("pii:v1:****"), Status::kMalformedSealedText);
  EXPECT_EQ(Parse("pii:v1:"), Status::kMalformedSealedText);
  EXPECT_EQ(Parse("plaintext"), Status::kNotSealedText);
}

TEST(ParseSealedText, RefusesBytesThatDoNotParse) {
  Bytes sealed = ValidSealed();
  EXPECT_EQ(Parse(Compose("1", ByteView(sealed).first(45))), Status::kTruncated);
  sealed[1] = 0x02;
  EXPECT_EQ(Parse(Compose("1", sealed)), Status::kUnknownFormat);
  sealed = ValidSealed(0);
  EXPECT_EQ(Parse(Compose("0", sealed)), Status::kVersionZero);
  sealed = ValidSealed();
  sealed[0] = 'a';
  EXPECT_EQ(Parse(Compose("1", sealed)), Status::kMalformedSealedText);
}

TEST(ParseSealedText, RefusesEveryTruncation) {
  std::string text = Write(ValidSealed(1, SealedValue::kOverhead));
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_NE(Parse(text.substr(0, size)), Status::kOk) << size;
}

TEST(ParseSealedText, NeverReadsAChangedCharacterAsTheSameValue) {
  Bytes sealed = ValidSealed();
  const std::string text = Write(sealed);
  for (size_t at = 0; at < text.size(); ++at) {
    for (int c = 0; c < 256; ++c) {
      if (text[at] == static_cast<char>(c)) continue;
      std::string changed = text;
      changed[at] = static_cast<char>(c);
      Bytes parsed;
      if (Parse(changed, &parsed) == Status::kOk) {
        ASSERT_NE(parsed, sealed);
      }
    }
  }
}

TEST(ParseSealedText, AcceptsOnlyTheTextThatItWrites) {
  test::Specimens specimens(61);
  size_t accepted = 0;
  for (int i = 0; i < 300'000; ++i) {
    std::string text;
    switch (specimens.Below(3)) {
      case 0:
        text = specimens.RandomText(80);
        break;
      case 1:
        text = "pii:v" + specimens.RandomText(80);
        break;
      default:
        text = specimens.Mutation(
            Write(ValidSealed(static_cast<uint16_t>(1 + specimens.Below(300)), 46 + specimens.Below(9))));
    }
    Bytes parsed;
    Status status = Parse(text, &parsed);
    switch (status) {
      case Status::kOk:
        ++accepted;
        ASSERT_EQ(Write(parsed), text);
        ASSERT_TRUE(LooksLikeSealedText(text));
        break;
      case Status::kNotSealedText:
        ASSERT_FALSE(LooksLikeSealedText(text));
        break;
      default:
        ASSERT_TRUE(status == Status::kMalformedSealedText || status == Status::kTruncated ||
                    status == Status::kUnknownFormat || status == Status::kVersionZero);
        ASSERT_TRUE(LooksLikeSealedText(text));
    }
  }
  EXPECT_GT(accepted, 1000u);
}

}  // namespace
}  // namespace pii
