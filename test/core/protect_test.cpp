#include "protect.h"

#include <gtest/gtest.h>

#include "desk.h"

namespace pii {
namespace {

using test::Bytes;
using test::Desk;
using test::HoldsNoPlaintext;
using test::kCustom;
using test::kEmail;
using test::kName;
using test::kSsn;
using test::kText;
using test::MakeKeyring;

SealOptions WithContext(std::string_view context, size_t pad_to = 0) { return {AsBytes(context), pad_to}; }

// The independent implementation's values.

Keyring VectorKeyring() {
  Keyring keyring;
  for (const char* domain : {"default", "eu-west"}) {
    for (KeySet* keys : {&keyring.domains[domain].seal, &keyring.domains[domain].blind_index}) {
      uint8_t byte = keys == &keyring.domains[domain].seal ? 0x01 : 0x02;
      for (uint16_t version : {1, 7, 65535}) test::AddKey(keys, version, byte);
    }
  }
  keyring.classes.push_back(test::KeepClass(0, 3));
  return keyring;
}

TEST(Protector, RevealsTheValuesOfTheVectorFile) {
  auto records = test::RecordsWith(test::ReadRecords("sealed_values.txt"), "SEALED");
  ASSERT_EQ(records.size(), 6u);
  for (test::Record& record : records) {
    Desk desk(VectorKeyring(), record["DOMAIN"]);
    EXPECT_EQ(desk.Revealed(test::FromHex(record["SEALED"]), record["CONTEXT"]), record["PLAINTEXT"])
        << record["NAME"];
    Desk other(VectorKeyring(), record["DOMAIN"] == "default" ? "eu-west" : "default");
    Bytes buffer;
    size_t size = 0;
    EXPECT_EQ(other.Reveal(test::FromHex(record["SEALED"]), record["CONTEXT"], &buffer, &size),
              Status::kAuthenticationFailed);
  }
}

TEST(XaesKey, SealsTheBytesOfTheVectorFile) {
  for (test::Record& record : test::RecordsWith(test::ReadRecords("sealed_values.txt"), "SEALED")) {
    XaesKey key;
    ASSERT_EQ(key.Init(ByteView(test::FromHex(record["KEY"])).first<32>()), Status::kOk);
    Bytes expected = test::FromHex(record["SEALED"]);
    Bytes plaintext = test::ToBytes(record["PLAINTEXT"]);
    if (record["NAME"].starts_with("padded")) {
      plaintext.push_back(0x80);
      plaintext.resize(32);
    }
    Bytes sealed(expected.begin(), expected.begin() + 30);
    sealed.resize(expected.size());
    ByteSpan span(sealed);
    ASSERT_EQ(key.Seal(span.subspan(6).first<kNonceSize>(), span.first(6), AsBytes(record["CONTEXT"]),
                       plaintext, span.subspan(30)),
              Status::kOk);
    EXPECT_EQ(test::ToHex(sealed), record["SEALED"]) << record["NAME"];
  }
}

// Round trips.

TEST(Protector, RevealsWhatItSealed) {
  Desk desk(MakeKeyring());
  test::Specimens specimens(130);
  for (int i = 0; i < 5000; ++i) {
    auto class_id = static_cast<uint16_t>(specimens.OneIn(17) ? kCustom : specimens.Below(16));
    std::string text = specimens.RandomText(100);
    std::string context = specimens.OneIn(2) ? "" : "row-" + std::to_string(i);
    size_t pad_to = specimens.OneIn(2) ? 0 : 1 + specimens.Below(40);
    Bytes sealed;
    Status status = desk.Seal(class_id, text, &sealed, WithContext(context, pad_to));
    if (status == Status::kMaskedValue) continue;
    ASSERT_EQ(status, Status::kOk);
    ASSERT_EQ(desk.Revealed(sealed, context), text);

    SealedValue value;
    ASSERT_EQ(ParseSealedValue(sealed, &value), Status::kOk);
    ASSERT_EQ(value.class_id, class_id);
    ASSERT_EQ(value.key_version, 4);
    ASSERT_EQ(value.padded, pad_to > 0);
    ASSERT_EQ(value.context_bound, !context.empty());
    if (pad_to == 0) {
      ASSERT_EQ(sealed.size(), text.size() + 46);
    } else {
      ASSERT_EQ(value.plaintext_bound() % pad_to, 0u);
      ASSERT_GT(value.plaintext_bound(), text.size());
      ASSERT_LE(value.plaintext_bound(), text.size() + pad_to);
    }
  }
}

TEST(Protector, HidesTheLengthUpToThePadding) {
  for (size_t size = 0; size < 32; ++size) EXPECT_EQ(Protector::SealedSize(size, {{}, 32}), 32u + 46) << size;
  EXPECT_EQ(Protector::SealedSize(32, {{}, 32}), 64u + 46);
  EXPECT_EQ(Protector::SealedSize(0), 46u);
  EXPECT_EQ(Protector::SealedSize(5, {{}, 1}), 6u + 46);
}

TEST(Protector, RevealsPaddedValuesThatEndLikePadding) {
  Desk desk(MakeKeyring());
  for (std::string text : {std::string("\x80"), std::string("a\x80"), std::string("\x80\0\0", 3),
                           std::string(31, '\0'), std::string(32, '\0')}) {
    EXPECT_EQ(desk.Revealed(desk.Sealed(kText, text, {{}, 32})), text);
  }
}

TEST(Protector, SealsTheSameValueDifferentlyEachTime) {
  Desk desk(MakeKeyring());
  EXPECT_NE(desk.Sealed(kSsn, "123-45-6789"), desk.Sealed(kSsn, "123-45-6789"));
}

TEST(Protector, SealsLargeValues) {
  Desk desk(MakeKeyring());
  std::string text(3 << 20, 'x');
  EXPECT_TRUE(desk.Revealed(desk.Sealed(kText, text)) == text);
}

// Refusals.

TEST(Protector, RejectsEveryFlippedBitAndWipes) {
  for (const SealOptions& options :
       {SealOptions{}, WithContext("row-17"), WithContext({}, 32), WithContext("row-17", 16)}) {
    Desk desk(MakeKeyring());
    std::string_view context = AsText(options.context);
    const Bytes sealed = desk.Sealed(kSsn, "123-45-6789", options);
    ASSERT_EQ(desk.Revealed(sealed, context), "123-45-6789");
    size_t wiped = 0;
    for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
      Bytes damaged = sealed;
      damaged[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      Bytes buffer;
      size_t size = 99;
      Status status = desk.Reveal(damaged, context, &buffer, &size);
      ASSERT_NE(status, Status::kOk) << "bit " << bit;
      if (status == Status::kAuthenticationFailed) {
        ASSERT_TRUE(test::AllBytesAre(buffer, 0)) << "bit " << bit;
        ASSERT_EQ(size, 0u);
        ++wiped;
      } else {
        // Only the mark, the format, the class and the version can be refused before the cipher.
        ASSERT_LT(bit, 48u);
        ASSERT_TRUE(HoldsNoPlaintext(buffer)) << "bit " << bit;
      }
    }
    // All of nonce, ciphertext and tag, and what of the header names another key or padding.
    EXPECT_GE(wiped, (sealed.size() - 6) * 8);
    EXPECT_EQ(desk.Revealed(sealed, context), "123-45-6789");
  }
}

TEST(Protector, RejectsEveryTruncationAndWipes) {
  for (const SealOptions& options : {SealOptions{}, WithContext({}, 32)}) {
    Desk desk(MakeKeyring());
    const Bytes sealed = desk.Sealed(kSsn, "123-45-6789", options);
    for (size_t left = 0; left < sealed.size(); ++left) {
      Bytes buffer;
      size_t size = 99;
      Status status = desk.Reveal(ByteView(sealed).first(left), {}, &buffer, &size);
      Status expected = left == 0   ? Status::kNotSealed
                        : left < 46 ? Status::kTruncated
                                    : Status::kAuthenticationFailed;
      ASSERT_EQ(status, expected) << left;
      ASSERT_TRUE(test::AllBytesAre(buffer, 0)) << left;
    }
    Bytes longer = sealed;
    longer.push_back(0);
    Bytes buffer;
    size_t size = 99;
    EXPECT_EQ(desk.Reveal(longer, {}, &buffer, &size), Status::kAuthenticationFailed);
    EXPECT_TRUE(test::AllBytesAre(buffer, 0));
  }
}

TEST(Protector, RejectsAnotherDomainClassOrVersionAndWipes) {
  Desk desk(MakeKeyring());
  Desk other_domain(MakeKeyring(), "eu-west");
  const Bytes sealed = desk.Sealed(kSsn, "123-45-6789");
  Bytes buffer;
  size_t size = 99;
  EXPECT_EQ(other_domain.Reveal(sealed, {}, &buffer, &size), Status::kAuthenticationFailed);
  EXPECT_TRUE(test::AllBytesAre(buffer, 0));

  for (uint16_t class_id : {0, 1, 15, 1000}) {
    Bytes moved = sealed;
    StoreBigEndian16(&moved[2], class_id);
    EXPECT_EQ(desk.Reveal(moved, {}, &buffer, &size), Status::kAuthenticationFailed) << class_id;
    EXPECT_TRUE(test::AllBytesAre(buffer, 0));
  }
  Bytes older = sealed;
  StoreBigEndian16(&older[4], 3);
  EXPECT_EQ(desk.Reveal(older, {}, &buffer, &size), Status::kAuthenticationFailed);
  EXPECT_TRUE(test::AllBytesAre(buffer, 0));
}

TEST(Protector, RejectsAnotherContextAndWipes) {
  Desk desk(MakeKeyring());
  const Bytes bound = desk.Sealed(kSsn, "123-45-6789", WithContext("row-17"));
  const Bytes free = desk.Sealed(kSsn, "123-45-6789");
  Bytes buffer;
  size_t size = 99;
  for (std::string_view context : {"row-18", "row-1", "row-170", "x"}) {
    EXPECT_EQ(desk.Reveal(bound, context, &buffer, &size), Status::kAuthenticationFailed);
    EXPECT_TRUE(test::AllBytesAre(buffer, 0));
  }
  EXPECT_EQ(desk.Reveal(bound, {}, &buffer, &size), Status::kContextRequired);
  EXPECT_TRUE(test::AllBytesAre(buffer, 0));
  EXPECT_EQ(desk.Reveal(free, "row-17", &buffer, &size), Status::kContextNotBound);
  EXPECT_TRUE(test::AllBytesAre(buffer, 0));
}

/// A value that authenticates under MakeKeyring's version 4 of default and says it is padded.
Bytes SealedWithPadding(ByteView padded) {
  Bytes root(32, 0x44);
  SecretKey derived;
  EXPECT_EQ(DeriveKey(ByteView(root).first<32>(), Purpose::kSeal, kSsn, "default", &derived), Status::kOk);
  XaesKey key;
  EXPECT_EQ(key.Init(derived.Expose()), Status::kOk);
  Bytes sealed(SealedValue::kOverhead + padded.size(), 0x42);
  ByteSpan span(sealed);
  WriteHeader(SealedValue::kXaes256Gcm | SealedValue::kPadded, kSsn, 4, span.first<6>());
  EXPECT_EQ(key.Seal(span.subspan(6).first<kNonceSize>(), span.first(6), {}, padded, span.subspan(30)),
            Status::kOk);
  return sealed;
}

TEST(Protector, RejectsBadPaddingAndWipes) {
  Desk desk(MakeKeyring());
  for (const char* padded :
       {"", "00", "0000000000000000", "61", "6180ff", "618001", "6100", "7f00", "80000001"}) {
    Bytes buffer;
    size_t size = 99;
    ASSERT_EQ(desk.Reveal(SealedWithPadding(test::FromHex(padded)), {}, &buffer, &size), Status::kBadPadding)
        << padded;
    EXPECT_TRUE(test::AllBytesAre(buffer, 0)) << padded;
    Bytes rewrapped;
    EXPECT_EQ(desk.Rewrap(SealedWithPadding(test::FromHex(padded)), {}, &rewrapped), Status::kBadPadding)
        << padded;
    EXPECT_TRUE(test::AllBytesAre(rewrapped, 0)) << padded;
  }
  EXPECT_EQ(desk.Revealed(SealedWithPadding(test::FromHex("80"))), "");
  EXPECT_EQ(desk.Revealed(SealedWithPadding(test::FromHex("6180"))), "a");
  EXPECT_EQ(desk.Revealed(SealedWithPadding(test::FromHex("61800000000000"))), "a");
  EXPECT_EQ(desk.Revealed(SealedWithPadding(test::FromHex("61808000"))), "a\x80");
}

TEST(Protector, RejectsReservedFormatBits) {
  Desk desk(MakeKeyring());
  const Bytes sealed = desk.Sealed(kSsn, "123-45-6789");
  for (int format = 0; format < 256; ++format) {
    Bytes changed = sealed;
    changed[1] = static_cast<uint8_t>(format);
    std::string expected = format == 0x01 ? "123-45-6789" : "";
    Bytes buffer;
    size_t size = 0;
    Status status = desk.Reveal(changed, {}, &buffer, &size);
    if (format == 0x01) {
      EXPECT_EQ(status, Status::kOk);
    } else if (format == 0x11) {
      EXPECT_EQ(status, Status::kAuthenticationFailed);
    } else if (format == 0x21 || format == 0x31) {
      EXPECT_EQ(status, Status::kContextRequired);
    } else {
      EXPECT_EQ(status, Status::kUnknownFormat) << format;
    }
  }
}

TEST(Protector, RefusesBuffersOfAnotherSize) {
  Desk desk(MakeKeyring());
  const Bytes sealed = desk.Sealed(kSsn, "123-45-6789");
  SealedValue value;
  ASSERT_EQ(ParseSealedValue(sealed, &value), Status::kOk);
  for (size_t size : {0, 10, 12, 57}) {
    Bytes buffer(size, 0xAA);
    size_t revealed = 99;
    EXPECT_EQ(desk.protector.Reveal(value, {}, buffer, &revealed), Status::kBufferTooSmall) << size;
    EXPECT_TRUE(test::AllBytesAre(buffer, 0)) << size;
    EXPECT_EQ(revealed, 0u);
  }
  for (size_t size : {0, 45, 56, 58}) {
    Bytes buffer(size, 0xAA);
    EXPECT_EQ(desk.protector.Seal(kSsn, AsBytes("123-45-6789"), buffer), Status::kBufferTooSmall) << size;
    EXPECT_EQ(desk.protector.Rewrap(value, {}, buffer), Status::kBufferTooSmall) << size;
    EXPECT_TRUE(HoldsNoPlaintext(buffer)) << size;
  }
}

TEST(Protector, RefusesUnknownClasses) {
  Desk desk(MakeKeyring());
  Bytes sealed;
  for (uint16_t class_id : {16, 999, 1001, 65535}) {
    EXPECT_EQ(desk.Seal(class_id, "text", &sealed), Status::kUnknownClass) << class_id;
    EXPECT_EQ(desk.protector.FindClass(class_id), nullptr) << class_id;
    Bytes moved = desk.Sealed(kText, "text");
    StoreBigEndian16(&moved[2], class_id);
    Bytes buffer;
    size_t size = 99;
    EXPECT_EQ(desk.Reveal(moved, {}, &buffer, &size), Status::kUnknownClass);
    EXPECT_TRUE(test::AllBytesAre(buffer, 0));
    char scratch[64];
    BlindIndexValue value;
    EXPECT_EQ(desk.protector.IndexValue(class_id, 1, Transform::kExact, "text", scratch, &value),
              Status::kUnknownClass);
  }
}

TEST(Protector, RefusesMaskedValues) {
  Desk desk(MakeKeyring());
  Bytes sealed;
  for (auto [class_id, value] : {std::pair<uint16_t, const char*>{kSsn, "***-**-6789"},
                                 {kSsn, "[ssn]"},
                                 {kSsn, "****"},
                                 {kName, "J*** D***"},
                                 {kEmail, "j***@e***.com"},
                                 {kText, "****"},
                                 {kText, "[text]"},
                                 {kCustom, "****789"},
                                 {kSsn, "[name]"},
                                 {kSsn, " ***-**-6789"},
                                 {kSsn, "[ssn]  "},
                                 {kText, "[keep_0_3]"},
                                 {kCustom, "[keep_0_3]"}}) {
    EXPECT_EQ(desk.Seal(class_id, value, &sealed), Status::kMaskedValue) << value;
    EXPECT_TRUE(HoldsNoPlaintext(sealed));
  }
  for (auto [class_id, value] : {std::pair<uint16_t, const char*>{kSsn, "[unknown_class]"},
                                 {kText, "[]"},
                                 {kText, "[ssn"},
                                 {kText, "***-**-6789"},
                                 {kText, "*"},
                                 {kText, ""},
                                 {kName, "J*** Doe"}}) {
    EXPECT_EQ(desk.Seal(class_id, value, &sealed), Status::kOk) << value;
  }
}

// Rewrap.

TEST(Protector, RewrapsToTheNewPrimary) {
  Keyring before = MakeKeyring();
  before.domains.at("default").seal.primary = 3;
  Desk old_desk(before);
  Desk desk(MakeKeyring());
  for (const SealOptions& options :
       {SealOptions{}, WithContext("row-17"), WithContext({}, 32), WithContext("row-17", 16)}) {
    std::string_view context = AsText(options.context);
    for (std::string_view text :
         {"", "123-45-6789", "a longer value that takes more than one block of the cipher"}) {
      const Bytes older = old_desk.Sealed(kText, text, options);
      Bytes newer;
      ASSERT_EQ(desk.Rewrap(older, context, &newer), Status::kOk);
      EXPECT_EQ(LoadBigEndian16(&newer[4]), 4);
      EXPECT_EQ(newer[1], older[1]);
      EXPECT_EQ(LoadBigEndian16(&newer[2]), LoadBigEndian16(&older[2]));
      EXPECT_FALSE(std::equal(newer.begin() + 6, newer.begin() + 30, older.begin() + 6));
      EXPECT_EQ(newer.size(), older.size());
      EXPECT_EQ(desk.Revealed(newer, context), text);
      // Under the same version, too: a fresh nonce and nothing else.
      Bytes again;
      ASSERT_EQ(desk.Rewrap(newer, context, &again), Status::kOk);
      EXPECT_NE(again, newer);
      EXPECT_EQ(desk.Revealed(again, context), text);
    }
  }
}

TEST(Protector, RewrapsNothingThatDoesNotAuthenticate) {
  Desk desk(MakeKeyring());
  const Bytes sealed = desk.Sealed(kSsn, "123-45-6789", WithContext("row-17"));
  Bytes rewrapped;
  for (size_t bit = 6 * 8; bit < sealed.size() * 8; ++bit) {
    Bytes damaged = sealed;
    damaged[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    ASSERT_EQ(desk.Rewrap(damaged, "row-17", &rewrapped), Status::kAuthenticationFailed);
    ASSERT_TRUE(test::AllBytesAre(rewrapped, 0));
  }
  EXPECT_EQ(desk.Rewrap(sealed, "row-18", &rewrapped), Status::kAuthenticationFailed);
  EXPECT_TRUE(test::AllBytesAre(rewrapped, 0));
  EXPECT_EQ(desk.Rewrap(sealed, {}, &rewrapped), Status::kContextRequired);
  EXPECT_TRUE(test::AllBytesAre(rewrapped, 0));
}

// Legacy rows may hold a masked value sealed by somebody else's rules; rewrapping is not the time to refuse
// it.
TEST(Protector, RewrapsAValueThatLooksLikeAMask) {
  Desk desk(MakeKeyring());
  Bytes padded = test::ToBytes("***-**-6789");
  padded.push_back(0x80);
  Bytes rewrapped;
  ASSERT_EQ(desk.Rewrap(SealedWithPadding(padded), {}, &rewrapped), Status::kOk);
  EXPECT_EQ(desk.Revealed(rewrapped), "***-**-6789");
}

}  // namespace
}  // namespace pii
