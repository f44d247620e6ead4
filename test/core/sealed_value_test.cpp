#include "sealed_value.h"

#include <gtest/gtest.h>

#include "specimen.h"
#include "vectors.h"

namespace pii {
namespace {

using test::Bytes;

Bytes Smallest() {
  Bytes stored(SealedValue::kOverhead, 0x5A);
  WriteHeader(SealedValue::kXaes256Gcm, 4, 1, ByteSpan(stored).first<SealedValue::kHeaderSize>());
  return stored;
}

Status Parse(ByteView stored) {
  SealedValue value;
  return ParseSealedValue(stored, &value);
}

TEST(ParseSealedValue, FindsEveryPartOfTheVectors) {
  auto records = test::RecordsWith(test::ReadRecords("sealed_values.txt"), "SEALED");
  ASSERT_EQ(records.size(), 6u);
  for (test::Record& record : records) {
    Bytes stored = test::FromHex(record["SEALED"]);
    SealedValue value;
    ASSERT_EQ(ParseSealedValue(stored, &value), Status::kOk);
    EXPECT_EQ(value.class_id, std::stoi(record["CLASS"]));
    EXPECT_EQ(value.key_version, std::stoi(record["VERSION"]));
    EXPECT_EQ(value.padded, record["NAME"].starts_with("padded"));
    EXPECT_EQ(value.context_bound, record.contains("CONTEXT"));
    EXPECT_EQ(test::ToHex(value.header), record["SEALED"].substr(0, 12));
    EXPECT_EQ(test::ToHex(value.nonce), "404142434445464748494a4b4c4d4e4f5051525354555657");
    EXPECT_EQ(test::ToHex(value.body), record["SEALED"].substr(60));
    if (!value.padded) {
      EXPECT_EQ(value.plaintext_bound(), record["PLAINTEXT"].size());
    }
  }
}

TEST(ParseSealedValue, RefusesEverythingShorterThan46Bytes) {
  Bytes stored = Smallest();
  EXPECT_EQ(Parse(stored), Status::kOk);
  EXPECT_EQ(Parse({}), Status::kNotSealed);
  for (size_t size = 1; size < stored.size(); ++size) {
    EXPECT_EQ(Parse(ByteView(stored).first(size)), Status::kTruncated) << size;
  }
}

TEST(ParseSealedValue, RefusesEveryFirstByteButZero) {
  Bytes stored = Smallest();
  for (int byte = 1; byte < 256; ++byte) {
    stored[0] = static_cast<uint8_t>(byte);
    EXPECT_EQ(Parse(stored), Status::kNotSealed) << byte;
    EXPECT_FALSE(IsSealed(stored)) << byte;
  }
}

TEST(ParseSealedValue, AcceptsFourFormatBytesOnly) {
  Bytes stored = Smallest();
  for (int format = 0; format < 256; ++format) {
    stored[1] = static_cast<uint8_t>(format);
    SealedValue value;
    Status status = ParseSealedValue(stored, &value);
    if (format == 0x01 || format == 0x11 || format == 0x21 || format == 0x31) {
      ASSERT_EQ(status, Status::kOk) << format;
      EXPECT_EQ(value.padded, (format & 0x10) != 0);
      EXPECT_EQ(value.context_bound, (format & 0x20) != 0);
    } else {
      EXPECT_EQ(status, Status::kUnknownFormat) << format;
    }
  }
}

TEST(ParseSealedValue, RefusesVersionZeroAndNoOther) {
  Bytes stored = Smallest();
  for (int version = 0; version < 65536; ++version) {
    StoreBigEndian16(&stored[4], static_cast<uint16_t>(version));
    SealedValue value;
    ASSERT_EQ(ParseSealedValue(stored, &value), version == 0 ? Status::kVersionZero : Status::kOk);
    if (version > 0) {
      ASSERT_EQ(value.key_version, version);
    }
  }
}

TEST(ParseSealedValue, TakesEveryClassId) {
  Bytes stored = Smallest();
  for (int class_id = 0; class_id < 65536; ++class_id) {
    StoreBigEndian16(&stored[2], static_cast<uint16_t>(class_id));
    SealedValue value;
    ASSERT_EQ(ParseSealedValue(stored, &value), Status::kOk);
    ASSERT_EQ(value.class_id, class_id);
  }
}

TEST(ParseSealedValue, NamesAResultForEveryByteString) {
  test::Specimens specimens(50);
  size_t accepted = 0;
  for (int i = 0; i < 400'000; ++i) {
    Bytes stored = specimens.RandomBytes(specimens.Below(64));
    // Mostly past the first checks, so that the later ones are reached.
    if (!stored.empty() && !specimens.OneIn(8)) stored[0] = 0;
    if (stored.size() > 1 && specimens.OneIn(2)) stored[1] = 1;
    SealedValue value;
    Status status = ParseSealedValue(stored, &value);
    Status expected = stored.empty() || stored[0] != 0                     ? Status::kNotSealed
                      : stored.size() < 46                                 ? Status::kTruncated
                      : (stored[1] & 0x0F) != 1 || (stored[1] & 0xC0) != 0 ? Status::kUnknownFormat
                      : stored[4] == 0 && stored[5] == 0                   ? Status::kVersionZero
                                                                           : Status::kOk;
    ASSERT_EQ(status, expected);
    if (status != Status::kOk) continue;
    ++accepted;
    ASSERT_EQ(value.header.size() + value.nonce.size() + value.body.size(), stored.size());
  }
  EXPECT_GT(accepted, 10'000u);
}

TEST(WriteHeader, WritesWhatTheParserReads) {
  Bytes stored = Smallest();
  WriteHeader(0x31, 0x1234, 0xABCD, ByteSpan(stored).first<SealedValue::kHeaderSize>());
  EXPECT_EQ(test::ToHex(ByteView(stored).first(6)), "00311234abcd");
}

}  // namespace
}  // namespace pii
