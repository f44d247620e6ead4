#include "canary.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <vector>

#include "desk.h"
#include "key_derivation.h"

namespace pii {
namespace {

using test::Bytes;
using test::Desk;
using test::kCustom;
using test::kEmail;
using test::kSecret;
using test::kSsn;
using test::kText;
using test::MakeKeyring;

using Nonce = std::array<uint8_t, kNonceSize>;

constexpr std::string_view kValue = "987-65-4321";

SealOptions Canary(std::string_view context = {}, size_t pad_to = 0) {
  return {AsBytes(context), pad_to, true};
}

/// Whether a value is revealed, and as what. The flag is set beforehand, so that a forgotten answer shows.
std::string Told(Desk* desk, ByteView sealed, std::string_view context = {}) {
  Bytes buffer;
  size_t size = 0;
  bool is_canary = true;
  Status status = desk->Reveal(sealed, context, &buffer, &size, &is_canary);
  if (status != Status::kOk) return is_canary ? "refused canary" : "refused";
  return is_canary ? "canary" : "ordinary";
}

constexpr size_t kMarkedSize = kNonceSize - CanaryMark::kSize;

ByteView NonceOf(const Bytes& sealed) { return ByteView(sealed).subspan(6, kNonceSize); }

Bytes Part(ByteView nonce, size_t offset, size_t size) {
  ByteView part = nonce.subspan(offset, size);
  return {part.begin(), part.end()};
}

Bytes Prefix(const Bytes& sealed) { return Part(NonceOf(sealed), 0, kNoncePrefixSize); }

CanaryMark MakeMark(const Bytes& key) {
  CanaryMark mark;
  EXPECT_EQ(mark.Init(ByteView(key).first<SecretKey::kSize>()), Status::kOk);
  return mark;
}

CanaryMark MakeMark(uint8_t byte) { return MakeMark(Bytes(32, byte)); }

Nonce DrawNonce() {
  Nonce nonce;
  EXPECT_EQ(FillRandom(nonce), Status::kOk);
  return nonce;
}

Nonce DrawCanary(CanaryMark* mark) {
  Nonce nonce = DrawNonce();
  EXPECT_EQ(mark->Mark(nonce), Status::kOk);
  return nonce;
}

bool Finds(CanaryMark* mark, const Nonce& nonce) {
  bool is_canary = false;
  EXPECT_EQ(mark->Find(nonce, &is_canary), Status::kOk);
  return is_canary;
}

/// AES-256 of one block, by OpenSSL.
Bytes EncryptedBlock(ByteView key, const Bytes& block) {
  CipherContext context(EVP_CIPHER_CTX_new());
  Bytes out(block.size());
  int written = 0;
  EXPECT_EQ(EVP_EncryptInit_ex2(context.get(), EVP_aes_256_ecb(), key.data(), nullptr, nullptr), 1);
  EXPECT_EQ(EVP_CIPHER_CTX_set_padding(context.get(), 0), 1);
  EXPECT_EQ(EVP_EncryptUpdate(context.get(), out.data(), &written, block.data(), 16), 1);
  EXPECT_EQ(written, 16);
  return out;
}

/// A value that opens, of the primary root key of both of MakeKeyring's domains, with a nonce of choice.
Bytes SealedWithNonce(uint8_t root_byte, uint16_t version, std::string_view domain, uint16_t class_id,
                      ByteView nonce, uint8_t format = SealedValue::kXaes256Gcm) {
  Bytes root(32, root_byte);
  SecretKey derived;
  EXPECT_EQ(DeriveKey(ByteView(root).first<32>(), Purpose::kSeal, class_id, domain, &derived), Status::kOk);
  XaesKey key;
  EXPECT_EQ(key.Init(derived.Expose()), Status::kOk);
  Bytes sealed(SealedValue::kOverhead + kValue.size());
  ByteSpan span(sealed);
  WriteHeader(format, class_id, version, span.first<6>());
  std::copy(nonce.begin(), nonce.end(), sealed.begin() + 6);
  EXPECT_EQ(
      key.Seal(span.subspan(6).first<kNonceSize>(), span.first(6), {}, AsBytes(kValue), span.subspan(30)),
      Status::kOk);
  return sealed;
}

// The independent implementation's values.

TEST(Canary, IsToldInTheValuesOfTheVectorFile) {
  Keyring keyring;
  for (const char* domain : {"default", "eu-west"}) {
    for (uint16_t version : {1, 7, 65535}) test::AddKey(&keyring.domains[domain].seal, version, 0x01);
    test::AddKey(&keyring.domains[domain].blind_index, 1, 0x02);
  }
  keyring.classes.push_back(test::KeepClass(0, 3));
  auto records = test::RecordsWith(test::ReadRecords("canaries.txt"), "SEALED");
  ASSERT_EQ(records.size(), 12u);
  size_t canaries = 0;
  for (test::Record& record : records) {
    Desk desk(keyring, record["DOMAIN"]);
    Bytes sealed = test::FromHex(record["SEALED"]);
    EXPECT_EQ(desk.Revealed(sealed, record["CONTEXT"]), record["PLAINTEXT"]) << record["NAME"];
    EXPECT_EQ(Told(&desk, sealed, record["CONTEXT"]), record["CANARY"] == "yes" ? "canary" : "ordinary")
        << record["NAME"];
    EXPECT_EQ(test::ToHex(NonceOf(sealed)), record["NONCE"]);
    canaries += record["CANARY"] == "yes";
  }
  EXPECT_EQ(canaries, 5u);
}

// What is told.

TEST(Canary, IsRevealedLikeAnyOtherValueAndTold) {
  Desk desk(MakeKeyring());
  test::Specimens specimens(410);
  for (int i = 0; i < 2000; ++i) {
    auto class_id = static_cast<uint16_t>(specimens.OneIn(17) ? kCustom : specimens.Below(16));
    std::string text = specimens.RandomText(100);
    std::string context = specimens.OneIn(2) ? "" : "row-" + std::to_string(i);
    SealOptions options = Canary(context, specimens.OneIn(2) ? 0 : 1 + specimens.Below(40));
    options.canary = specimens.OneIn(2);
    Bytes sealed;
    Status status = desk.Seal(class_id, text, &sealed, options);
    if (status == Status::kMaskedValue) continue;
    ASSERT_EQ(status, Status::kOk);
    ASSERT_EQ(desk.Revealed(sealed, context), text);
    ASSERT_EQ(Told(&desk, sealed, context), options.canary ? "canary" : "ordinary");
  }
}

TEST(Canary, IsToldByAnotherProcessWithTheSameKeys) {
  Desk writer(MakeKeyring());
  Desk reader(MakeKeyring());
  for (uint16_t class_id : {kText, kEmail, kSsn, kSecret, kCustom}) {
    EXPECT_EQ(Told(&reader, writer.Sealed(class_id, kValue, Canary())), "canary");
    EXPECT_EQ(Told(&reader, writer.Sealed(class_id, kValue)), "ordinary");
  }
}

TEST(Canary, IsNoneOfTenThousandOrdinaryValues) {
  Desk desk(MakeKeyring());
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(Told(&desk, desk.Sealed(kSsn, std::to_string(100'000'000 + i))), "ordinary");
  }
}

// The mark.

TEST(CanaryMark, IsOneAesBlockOfTheRandomBytesBeforeIt) {
  test::Specimens specimens(412);
  for (int i = 0; i < 10'000; ++i) {
    Bytes key = specimens.RandomBytes(32);
    CanaryMark mark = MakeMark(key);
    Nonce nonce = DrawNonce();
    Nonce canary = nonce;
    ASSERT_EQ(mark.Mark(canary), Status::kOk);
    ASSERT_EQ(Part(canary, 0, kMarkedSize), Part(nonce, 0, kMarkedSize));
    Bytes block{'p', 'i', 'i', ' ', 'c', 'a', 'n', 'a', 'r', 'y'};
    block.insert(block.end(), nonce.begin() + kNoncePrefixSize, nonce.begin() + kMarkedSize);
    ASSERT_EQ(Part(canary, kMarkedSize, CanaryMark::kSize),
              Part(EncryptedBlock(key, block), 0, CanaryMark::kSize));
    ASSERT_TRUE(Finds(&mark, canary));
    ASSERT_FALSE(Finds(&mark, nonce));
  }
}

TEST(CanaryMark, FindsNoneAmongAMillionRandomNonces) {
  CanaryMark mark = MakeMark(0x61);
  for (int i = 0; i < 1'000'000; ++i) ASSERT_FALSE(Finds(&mark, DrawNonce()));
}

TEST(CanaryMark, DependsOnEveryBitOfTheNonceBehindThePrefix) {
  CanaryMark mark = MakeMark(0x61);
  const Nonce nonce = DrawCanary(&mark);
  for (size_t bit = 0; bit < kNonceSize * 8; ++bit) {
    Nonce changed = nonce;
    changed[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_EQ(Finds(&mark, changed), bit < kNoncePrefixSize * 8) << "bit " << bit;
    EXPECT_TRUE(Finds(&mark, nonce));
  }
}

TEST(CanaryMark, DependsOnEveryBitOfTheKey) {
  Bytes key = test::Specimens(413).RandomBytes(32);
  CanaryMark mark = MakeMark(key);
  const Nonce nonce = DrawCanary(&mark);
  for (size_t bit = 0; bit < key.size() * 8; ++bit) {
    Bytes changed = key;
    changed[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    CanaryMark other = MakeMark(changed);
    EXPECT_FALSE(Finds(&other, nonce)) << "bit " << bit;
  }
}

TEST(CanaryMark, IsThatOfTheLastKeyItWasGiven) {
  CanaryMark mark = MakeMark(0x61);
  const Nonce nonce = DrawCanary(&mark);
  Bytes other_key(32, 0x62);
  ASSERT_EQ(mark.Init(ByteView(other_key).first<SecretKey::kSize>()), Status::kOk);
  EXPECT_FALSE(Finds(&mark, nonce));
  EXPECT_TRUE(Finds(&mark, DrawCanary(&mark)));
}

TEST(CanaryMark, NeitherMarksNorFindsWithoutAKey) {
  CanaryMark with_key = MakeMark(0x61);
  CanaryMark without_key;
  const Nonce canary = DrawCanary(&with_key);
  Nonce nonce = canary;
  EXPECT_EQ(without_key.Mark(nonce), Status::kCryptoFailed);
  EXPECT_EQ(nonce, canary);
  bool is_canary = true;
  EXPECT_EQ(without_key.Find(canary, &is_canary), Status::kCryptoFailed);
  EXPECT_FALSE(is_canary);
}

// Rewrapping.

TEST(Canary, StaysOneWhenRewrapped) {
  Keyring before = MakeKeyring();
  before.domains.at("default").seal.primary = 3;
  Desk old_desk(before);
  Desk desk(MakeKeyring());
  for (const SealOptions& options : {Canary(), Canary("row-17"), Canary({}, 32), Canary("row-17", 16)}) {
    std::string_view context = AsText(options.context);
    Bytes sealed = old_desk.Sealed(kSsn, kValue, options);
    Bytes rewrapped;
    ASSERT_EQ(desk.Rewrap(sealed, context, &rewrapped), Status::kOk);
    EXPECT_EQ(LoadBigEndian16(&rewrapped[4]), 4);
    EXPECT_NE(Prefix(rewrapped), Prefix(sealed));
    EXPECT_EQ(desk.Revealed(rewrapped, context), kValue);
    EXPECT_EQ(Told(&desk, rewrapped, context), "canary");
    Bytes again;
    ASSERT_EQ(desk.Rewrap(rewrapped, context, &again), Status::kOk);
    EXPECT_EQ(Told(&desk, again, context), "canary");
    EXPECT_EQ(Prefix(again), Prefix(rewrapped));
    EXPECT_FALSE(std::ranges::equal(NonceOf(again), NonceOf(rewrapped)));

    Bytes ordinary = old_desk.Sealed(kSsn, kValue, {options.context, options.pad_to});
    ASSERT_EQ(desk.Rewrap(ordinary, context, &rewrapped), Status::kOk);
    EXPECT_EQ(Told(&desk, rewrapped, context), "ordinary");
  }
}

// What it is bound to.

TEST(Canary, IsBoundToClassVersionAndDomain) {
  Desk desk(MakeKeyring());
  Desk eu_west(MakeKeyring(), "eu-west");  // its root key is the same
  const Bytes canary = desk.Sealed(kSsn, kValue, Canary());
  ByteView nonce = NonceOf(canary);
  EXPECT_EQ(Told(&desk, SealedWithNonce(0x44, 4, "default", kSsn, nonce)), "canary");
  for (uint16_t class_id : {kText, kEmail, kSecret, kCustom}) {
    EXPECT_EQ(Told(&desk, SealedWithNonce(0x44, 4, "default", class_id, nonce)), "ordinary") << class_id;
  }
  EXPECT_EQ(Told(&desk, SealedWithNonce(0x33, 3, "default", kSsn, nonce)), "ordinary");
  EXPECT_EQ(Told(&eu_west, SealedWithNonce(0x44, 4, "eu-west", kSsn, nonce)), "ordinary");
  EXPECT_EQ(Told(&desk, canary), "canary");
}

// Refusals.

TEST(Canary, IsNotToldOfADamagedValue) {
  for (const SealOptions& options : {Canary(), Canary("row-17", 16)}) {
    Desk desk(MakeKeyring());
    std::string_view context = AsText(options.context);
    const Bytes sealed = desk.Sealed(kSsn, kValue, options);
    for (bool is_cached : {false, true}) {
      if (is_cached) {
        ASSERT_EQ(Told(&desk, sealed, context), "canary");
      }
      for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
        Bytes damaged = sealed;
        damaged[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
        SealedValue value;
        if (ParseSealedValue(damaged, &value) != Status::kOk) continue;
        ASSERT_EQ(Told(&desk, damaged, context), "refused") << "bit " << bit;
      }
    }
    for (size_t left = SealedValue::kOverhead; left < sealed.size(); ++left) {
      ASSERT_EQ(Told(&desk, ByteView(sealed).first(left), context), "refused") << left;
    }
    EXPECT_EQ(Told(&desk, sealed, context.empty() ? "row-17" : ""), "refused");
    EXPECT_EQ(Told(&desk, sealed, "row-18"), "refused");
    EXPECT_EQ(Told(&desk, sealed, context), "canary");
  }
}

TEST(Canary, IsNotToldOfAValueWithBadPadding) {
  Desk desk(MakeKeyring());
  const Bytes canary = desk.Sealed(kSsn, kValue, Canary());
  uint8_t padded = SealedValue::kXaes256Gcm | SealedValue::kPadded;
  EXPECT_EQ(Told(&desk, SealedWithNonce(0x44, 4, "default", kSsn, NonceOf(canary), padded)), "refused");
}

TEST(Canary, IsNotToldWithoutAKey) {
  Bytes canary = Desk(MakeKeyring()).Sealed(kSsn, kValue, Canary());
  Desk desk(MakeKeyring());
  SealedValue value;
  ASSERT_EQ(ParseSealedValue(canary, &value), Status::kOk);
  Bytes buffer(value.plaintext_bound());
  size_t size = 0;
  bool is_canary = true;
  EXPECT_EQ(desk.protector.Reveal(value, {}, buffer, &size, &is_canary), Status::kKeyNotPrepared);
  EXPECT_FALSE(is_canary);
}

TEST(Canary, IsRefusedWhereAnyOtherValueIs) {
  Desk desk(MakeKeyring());
  Bytes sealed;
  EXPECT_EQ(desk.Seal(kSsn, "***-**-6789", &sealed, Canary()), Status::kMaskedValue);
  EXPECT_TRUE(test::AllBytesAre(sealed, 0));
}

// In any order.

TEST(Canary, IsToldAmongManyPrefixesInAnyOrder) {
  Desk desk(MakeKeyring());
  std::vector<Bytes> values;
  for (int i = 0; i < 200; ++i) {
    Desk session(MakeKeyring());  // a prefix of its own
    values.push_back(session.Sealed(kSsn, kValue, Canary()));
    values.push_back(session.Sealed(kSsn, kValue));
  }
  auto expected = [](size_t i) { return i % 2 == 0 ? "canary" : "ordinary"; };
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(Told(&desk, values[i]), expected(i)) << i;
  }
  test::Specimens specimens(411);
  for (int i = 0; i < 5000; ++i) {
    size_t at = specimens.Below(values.size());
    ASSERT_EQ(Told(&desk, values[at]), expected(at)) << at;
  }
}

// What the bytes show.

TEST(Canary, SharesThePrefixOfTheValuesAroundIt) {
  Desk desk(MakeKeyring());
  std::map<Bytes, int> values_of;
  for (int i = 0; i < 10'000; ++i) {
    bool is_canary = i % 50 == 7;
    Bytes sealed = desk.Sealed(kSsn, kValue, {{}, 0, is_canary});
    ASSERT_EQ(Told(&desk, sealed), is_canary ? "canary" : "ordinary");
    ++values_of[Prefix(sealed)];
  }
  EXPECT_EQ(values_of.size(), 1u);
}

TEST(Canary, SharesThePrefixOfTheValuesRewrappedAroundIt) {
  Keyring before = MakeKeyring();
  before.domains.at("default").seal.primary = 3;
  Desk old_desk(before);
  Desk desk(MakeKeyring());
  std::map<Bytes, int> values_of;
  for (int i = 0; i < 2000; ++i) {
    bool is_canary = i % 50 == 7;
    Bytes rewrapped;
    ASSERT_EQ(desk.Rewrap(old_desk.Sealed(kSsn, kValue, {{}, 0, is_canary}), {}, &rewrapped), Status::kOk);
    ASSERT_EQ(Told(&desk, rewrapped), is_canary ? "canary" : "ordinary");
    ++values_of[Prefix(rewrapped)];
  }
  EXPECT_EQ(values_of.size(), 1u);
}

TEST(Canary, ChangesThePrefixAfter256) {
  Desk desk(MakeKeyring());
  const Bytes first = desk.Sealed(kSsn, kValue, Canary());
  Bytes sealed = first;
  std::map<Bytes, int> canaries_of{{Prefix(first), 1}};
  for (int i = 1; i < 300; ++i) {
    // Half of them rewrapped: they count as well.
    Bytes rewrapped;
    if (i % 2 == 0) {
      ASSERT_EQ(desk.Rewrap(first, {}, &rewrapped), Status::kOk);
      sealed = rewrapped;
    } else {
      sealed = desk.Sealed(kSsn, kValue, Canary());
    }
    ASSERT_EQ(Told(&desk, sealed), "canary");
    ++canaries_of[Prefix(sealed)];
  }
  ASSERT_EQ(canaries_of.size(), 2u);
  EXPECT_EQ(canaries_of[Prefix(first)], 256);
  EXPECT_EQ(Prefix(desk.Sealed(kSsn, kValue)), Prefix(sealed));  // of ordinary values too
  EXPECT_EQ(desk.Revealed(first), kValue);
}

TEST(Canary, NeverHasTheRandomBytesOfAnother) {
  Desk desk(MakeKeyring());
  std::set<Bytes> random_bytes;
  std::set<Bytes> marks;
  for (int i = 0; i < 10'000; ++i) {
    Bytes sealed = desk.Sealed(i % 2 == 0 ? kSsn : kEmail, kValue, Canary());
    ASSERT_TRUE(random_bytes.insert(Part(NonceOf(sealed), kNoncePrefixSize, 6)).second);
    ASSERT_TRUE(marks.insert(Part(NonceOf(sealed), kMarkedSize, CanaryMark::kSize)).second);
  }
}

TEST(Canary, LooksLikeAnyOtherValueToTheParser) {
  Desk desk(MakeKeyring());
  for (size_t pad_to : {0, 32}) {
    for (std::string_view context : {"", "row-17"}) {
      const Bytes canary = desk.Sealed(kSsn, kValue, Canary(context, pad_to));
      const Bytes ordinary = desk.Sealed(kSsn, kValue, {AsBytes(context), pad_to});
      EXPECT_EQ(Protector::SealedSize(kValue.size(), Canary(context, pad_to)), ordinary.size());
      EXPECT_EQ(canary.size(), ordinary.size());
      EXPECT_TRUE(std::equal(canary.begin(), canary.begin() + 6, ordinary.begin()));
      SealedValue one, other;
      ASSERT_EQ(ParseSealedValue(canary, &one), Status::kOk);
      ASSERT_EQ(ParseSealedValue(ordinary, &other), Status::kOk);
      EXPECT_EQ(one.padded, other.padded);
      EXPECT_EQ(one.context_bound, other.context_bound);
      EXPECT_EQ(one.class_id, other.class_id);
      EXPECT_EQ(one.key_version, other.key_version);
    }
  }
}

// Each bit is set in half of them, and differs from each other one in half: 4,000 ± 44.7 of 8,000; beyond 7
// deviations by accident: 2^-38 each. A function that is linear in the bits before it would show in the
// pairs.
TEST(Canary, HasNoBiasInTheBitsItDoesNotShare) {
  Desk desk(MakeKeyring());
  constexpr size_t kBits = (kNonceSize - kNoncePrefixSize) * 8;
  std::vector<std::array<int, kBits>> differ(kBits + 1);
  for (int i = 0; i < 8000; ++i) {
    Bytes sealed = desk.Sealed(kSsn, kValue, Canary());
    std::array<int, kBits + 1> bits{};  // the last is 0, to count the others
    for (size_t bit = 0; bit < kBits; ++bit) {
      bits[bit] = NonceOf(sealed)[kNoncePrefixSize + bit / 8] >> bit % 8 & 1;
    }
    for (size_t one = 0; one < differ.size(); ++one) {
      for (size_t other = 0; other < kBits; ++other) differ[one][other] += bits[one] ^ bits[other];
    }
  }
  for (size_t one = 0; one < differ.size(); ++one) {
    for (size_t other = 0; other < std::min(one, kBits); ++other) {
      EXPECT_NEAR(differ[one][other], 4000, 7 * 44.7) << "bits " << one << " and " << other;
    }
  }
}

}  // namespace
}  // namespace pii
