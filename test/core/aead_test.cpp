#include "aead.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <climits>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "reference.h"
#include "specimen.h"
#include "vectors.h"

namespace pii {
namespace {

using test::Bytes;

std::span<const uint8_t, kNonceSize> Nonce(ByteView bytes) { return bytes.first<kNonceSize>(); }

XaesKey MakeKey(ByteView key) {
  XaesKey xaes;
  EXPECT_EQ(xaes.Init(key.first<SecretKey::kSize>()), Status::kOk);
  return xaes;
}

BlockKey MakeBlockKey(std::string_view hex) {
  BlockKey key;
  EXPECT_EQ(key.Init(ByteView(test::FromHex(hex)).first<SecretKey::kSize>()), Status::kOk);
  return key;
}

/// One sealed value with everything that went into it.
struct Sealed {
  Bytes key, nonce, header, context, plaintext, sealed;

  static Sealed Make(uint64_t seed, size_t plaintext_size) {
    test::Specimens specimens(seed);
    Sealed made{specimens.RandomBytes(32),
                specimens.RandomBytes(kNonceSize),
                specimens.RandomBytes(6),
                specimens.RandomBytes(9),
                specimens.RandomBytes(plaintext_size),
                Bytes(plaintext_size + XaesKey::kTagSize)};
    XaesKey xaes = MakeKey(made.key);
    EXPECT_EQ(xaes.Seal(Nonce(made.nonce), made.header, made.context, made.plaintext, made.sealed),
              Status::kOk);
    return made;
  }

  /// Opens into a buffer full of 0xAA, so that a missing wipe shows.
  Status Open(XaesKey* xaes, Bytes* opened) const {
    opened->assign(sealed.size() < XaesKey::kTagSize ? 0 : sealed.size() - XaesKey::kTagSize, 0xAA);
    return xaes->Open(Nonce(nonce), header, context, sealed, *opened);
  }
};

// NIST SP 800-38A, F.1.5, ECB-AES256.Encrypt.
TEST(BlockKey, GivesTheAnswersOfNist) {
  BlockKey key = MakeBlockKey("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
  const Bytes plain = test::FromHex(
      "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
      "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
  const Bytes encrypted = test::FromHex(
      "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870"
      "b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7");
  for (size_t size = 0; size <= plain.size(); size += BlockKey::kBlockSize) {
    Bytes out(size);
    ASSERT_EQ(key.Encrypt(ByteView(plain).first(size), out), Status::kOk);
    EXPECT_TRUE(std::equal(out.begin(), out.end(), encrypted.begin()));
    Bytes in_place(plain.begin(), plain.begin() + static_cast<ptrdiff_t>(size));
    ASSERT_EQ(key.Encrypt(in_place, in_place), Status::kOk);
    EXPECT_EQ(in_place, out);
  }
}

TEST(BlockKey, RefusesWhatIsNoWholeBlocksAndGoesOn) {
  BlockKey key = MakeBlockKey("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
  const Bytes block = test::FromHex("6bc1bee22e409f96e93d7e117393172a");
  for (size_t size = 0; size < 40; ++size) {
    Bytes part(size, 0x61), out(size);
    EXPECT_EQ(key.Encrypt(part, out), size % 16 == 0 ? Status::kOk : Status::kBufferTooSmall) << size;
    Bytes longer(size + 1);
    EXPECT_EQ(key.Encrypt(part, longer), Status::kBufferTooSmall) << size;
    out.assign(16, 0);
    ASSERT_EQ(key.Encrypt(block, out), Status::kOk);
    EXPECT_EQ(test::ToHex(out), "f3eed1bdb5d2a03c064b5a7e3db181f8");
  }
}

TEST(BlockKey, RefusesWithoutAKey) {
  BlockKey key;
  Bytes block(16);
  EXPECT_EQ(key.Encrypt(block, block), Status::kCryptoFailed);
}

TEST(XaesKey, GivesTheTwoAnswersOfC2sp) {
  auto records = test::RecordsWith(test::ReadRecords("xaes_256_gcm.txt"), "CIPHERTEXT");
  ASSERT_EQ(records.size(), 2u);
  for (test::Record& record : records) {
    XaesKey xaes = MakeKey(test::FromHex(record["KEY"]));
    Bytes nonce = test::ToBytes(record["NONCE"]);
    ByteView plaintext = AsBytes(record["PLAINTEXT"]);
    Bytes sealed(plaintext.size() + XaesKey::kTagSize);
    ASSERT_EQ(xaes.Seal(Nonce(nonce), AsBytes(record["AAD"]), {}, plaintext, sealed), Status::kOk);
    EXPECT_EQ(test::ToHex(sealed), record["CIPHERTEXT"]);
    Bytes opened(plaintext.size());
    ASSERT_EQ(xaes.Open(Nonce(nonce), AsBytes(record["AAD"]), {}, sealed, opened), Status::kOk);
    EXPECT_EQ(AsText(opened), record["PLAINTEXT"]);
  }
}

TEST(XaesKey, GivesTheAccumulatedAnswerOf10000Iterations) {
  auto records = test::RecordsWith(test::ReadRecords("xaes_256_gcm.txt"), "ITERATIONS");
  ASSERT_EQ(records.size(), 1u);
  int iterations = std::stoi(records[0]["ITERATIONS"]);

  using Digest = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
  Digest source(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  // OpenSSL 3.0 squeezes an XOF once, so the stream is made as long as it could have to be.
  Bytes stream(static_cast<size_t>(iterations) * (32 + 24 + 2 * (1 + 255)));
  ASSERT_EQ(EVP_DigestInit_ex2(source.get(), EVP_shake128(), nullptr), 1);
  ASSERT_EQ(EVP_DigestFinalXOF(source.get(), stream.data(), stream.size()), 1);
  ByteView rest = stream;
  auto take = [&rest](size_t size) {
    ByteView taken = rest.first(size);
    rest = rest.subspan(size);
    return taken;
  };

  Digest sink(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  ASSERT_EQ(EVP_DigestInit_ex2(sink.get(), EVP_shake128(), nullptr), 1);
  for (int i = 0; i < iterations; ++i) {
    ByteView key = take(32);
    ByteView nonce = take(kNonceSize);
    ByteView plaintext = take(take(1)[0]);
    ByteView header = take(take(1)[0]);
    XaesKey xaes = MakeKey(key);
    Bytes sealed(plaintext.size() + XaesKey::kTagSize);
    ASSERT_EQ(xaes.Seal(Nonce(nonce), header, {}, plaintext, sealed), Status::kOk);
    ASSERT_EQ(EVP_DigestUpdate(sink.get(), sealed.data(), sealed.size()), 1);
    Bytes opened(plaintext.size());
    ASSERT_EQ(xaes.Open(Nonce(nonce), header, {}, sealed, opened), Status::kOk);
    ASSERT_TRUE(std::equal(opened.begin(), opened.end(), plaintext.begin()));
  }
  Bytes hash(32);
  ASSERT_EQ(EVP_DigestFinalXOF(sink.get(), hash.data(), hash.size()), 1);
  EXPECT_EQ(test::ToHex(hash), records[0]["HASH"]);
}

// One key, prefixes that come back: the message key kept for a prefix must be the right one each time.
TEST(XaesKey, AgreesWithCmacAndGcmWhilePrefixesAlternate) {
  test::Specimens specimens(1);
  Bytes key = specimens.RandomBytes(32);
  XaesKey xaes = MakeKey(key);
  Bytes prefixes[3] = {specimens.RandomBytes(12), specimens.RandomBytes(12), specimens.RandomBytes(12)};
  for (int i = 0; i < 2000; ++i) {
    Bytes nonce = specimens.Pick(prefixes);
    Bytes end = specimens.RandomBytes(12);
    nonce.insert(nonce.end(), end.begin(), end.end());
    Bytes header = specimens.RandomBytes(specimens.Below(20));
    Bytes context = specimens.RandomBytes(specimens.Below(20));
    Bytes plaintext = specimens.RandomBytes(specimens.Below(70));
    Bytes expected = test::ReferenceXaesSeal(key, nonce, test::Joined(header, context), plaintext);
    if (specimens.OneIn(2)) {
      Bytes sealed(expected.size());
      ASSERT_EQ(xaes.Seal(Nonce(nonce), header, context, plaintext, sealed), Status::kOk);
      ASSERT_EQ(sealed, expected);
    } else {
      Bytes opened(plaintext.size());
      ASSERT_EQ(xaes.Open(Nonce(nonce), header, context, expected, opened), Status::kOk);
      ASSERT_EQ(opened, plaintext);
    }
  }
}

TEST(XaesKey, SealsAndOpensInPlace) {
  Sealed value = Sealed::Make(2, 40);
  XaesKey xaes = MakeKey(value.key);
  Bytes buffer = value.plaintext;
  buffer.resize(value.sealed.size());
  ByteSpan inner = ByteSpan(buffer).first(40);
  ASSERT_EQ(xaes.Seal(Nonce(value.nonce), value.header, value.context, inner, buffer), Status::kOk);
  EXPECT_EQ(buffer, value.sealed);
  ASSERT_EQ(xaes.Open(Nonce(value.nonce), value.header, value.context, buffer, inner), Status::kOk);
  EXPECT_TRUE(std::equal(inner.begin(), inner.end(), value.plaintext.begin()));
}

TEST(XaesKey, RejectsEveryFlippedBitAndWipes) {
  for (size_t size : {0, 1, 16, 37}) {
    Sealed value = Sealed::Make(3 + size, size);
    XaesKey xaes = MakeKey(value.key);
    Bytes opened;
    for (Bytes Sealed::*part : {&Sealed::nonce, &Sealed::header, &Sealed::context, &Sealed::sealed}) {
      for (size_t bit = 0; bit < (value.*part).size() * 8; ++bit) {
        auto flip = [&] { (value.*part)[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8); };
        flip();
        ASSERT_EQ(value.Open(&xaes, &opened), Status::kAuthenticationFailed) << "bit " << bit;
        ASSERT_TRUE(test::AllBytesAre(opened, 0)) << "bit " << bit;
        flip();
        // And a value that was refused leaves the key in order.
        ASSERT_EQ(value.Open(&xaes, &opened), Status::kOk) << "bit " << bit;
        ASSERT_EQ(opened, value.plaintext);
      }
    }
  }
}

TEST(XaesKey, RejectsEveryFlippedBitOfTheKey) {
  Sealed value = Sealed::Make(4, 20);
  for (size_t bit = 0; bit < 256; ++bit) {
    Bytes key = value.key;
    key[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    XaesKey xaes = MakeKey(key);
    Bytes opened;
    ASSERT_EQ(value.Open(&xaes, &opened), Status::kAuthenticationFailed);
    ASSERT_TRUE(test::AllBytesAre(opened, 0));
  }
}

TEST(XaesKey, RejectsEveryTruncationAndWipes) {
  Sealed value = Sealed::Make(5, 33);
  XaesKey xaes = MakeKey(value.key);
  const Bytes whole = value.sealed;
  Bytes opened;
  for (size_t size = 0; size < whole.size(); ++size) {
    value.sealed.assign(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    ASSERT_EQ(value.Open(&xaes, &opened), Status::kAuthenticationFailed) << size;
    ASSERT_TRUE(test::AllBytesAre(opened, 0)) << size;
    value.sealed.assign(whole.end() - static_cast<ptrdiff_t>(size), whole.end());
    ASSERT_EQ(value.Open(&xaes, &opened), Status::kAuthenticationFailed) << size;
    ASSERT_TRUE(test::AllBytesAre(opened, 0)) << size;
  }
}

TEST(XaesKey, RejectsAnAppendedByteAndWipes) {
  Sealed value = Sealed::Make(6, 33);
  XaesKey xaes = MakeKey(value.key);
  value.sealed.push_back(0);
  Bytes opened;
  EXPECT_EQ(value.Open(&xaes, &opened), Status::kAuthenticationFailed);
  EXPECT_TRUE(test::AllBytesAre(opened, 0));
}

TEST(XaesKey, RefusesBuffersOfAnotherSizeAndWipesThem) {
  Sealed value = Sealed::Make(7, 20);
  XaesKey xaes = MakeKey(value.key);
  for (size_t size : {0, 19, 21, 36}) {
    Bytes opened(size, 0xAA);
    EXPECT_EQ(xaes.Open(Nonce(value.nonce), value.header, value.context, value.sealed, opened),
              Status::kBufferTooSmall);
    EXPECT_TRUE(test::AllBytesAre(opened, 0));
  }
  for (size_t size : {0, 16, 20, 35, 37}) {
    Bytes sealed(size, 0xAA);
    EXPECT_EQ(xaes.Seal(Nonce(value.nonce), value.header, value.context, value.plaintext, sealed),
              Status::kBufferTooSmall);
    EXPECT_TRUE(test::AllBytesAre(sealed, 0));
  }
}

// The span is not read: OpenSSL counts in int, and the size alone decides.
TEST(XaesKey, RefusesTwoGibibytes) {
  Sealed value = Sealed::Make(8, 20);
  XaesKey xaes = MakeKey(value.key);
  ByteView huge(value.plaintext.data(), size_t{INT_MAX} + 1);
  Bytes out(64, 0xAA);
  EXPECT_EQ(xaes.Seal(Nonce(value.nonce), {}, {}, huge, out), Status::kTooLong);
  EXPECT_EQ(xaes.Seal(Nonce(value.nonce), {}, huge, value.plaintext, out), Status::kTooLong);
  EXPECT_TRUE(test::AllBytesAre(out, 0));
  EXPECT_EQ(xaes.Open(Nonce(value.nonce), {}, {}, huge, out), Status::kTooLong);
  EXPECT_EQ(xaes.Open(Nonce(value.nonce), {}, huge, value.sealed, out), Status::kTooLong);
}

// With one nonce for both keys: the message key kept for its prefix is the old key's.
TEST(XaesKey, ForgetsTheOldKeyOnInit) {
  Sealed old_value = Sealed::Make(9, 20);
  Sealed new_value = Sealed::Make(10, 20);
  new_value.nonce = old_value.nonce;
  new_value.sealed = test::ReferenceXaesSeal(
      new_value.key, new_value.nonce, test::Joined(new_value.header, new_value.context), new_value.plaintext);
  XaesKey xaes = MakeKey(old_value.key);
  Bytes opened;
  ASSERT_EQ(old_value.Open(&xaes, &opened), Status::kOk);
  ASSERT_EQ(xaes.Init(ByteView(new_value.key).first<32>()), Status::kOk);
  EXPECT_EQ(old_value.Open(&xaes, &opened), Status::kAuthenticationFailed);
  EXPECT_EQ(new_value.Open(&xaes, &opened), Status::kOk);
}

// Not XaesKey itself, whose AES-GCM keys cannot be chosen: the EVP calls, in the order it makes them.
TEST(EvpAes256GcmSequence, GivesTheAnswersOfWycheproof) {
  std::string path = test::SharedVectorPath("wycheproof_aes_gcm_test.json");
  if (!test::Exists(path)) GTEST_SKIP() << "no " << path;
  auto document = nlohmann::json::parse(std::ifstream(path));
  size_t tests = 0;
  for (const auto& group : document["testGroups"]) {
    if (group["keySize"] != 256 || group["ivSize"] != 96 || group["tagSize"] != 128) continue;
    for (const auto& vector : group["tests"]) {
      auto field = [&vector](const char* name) { return test::FromHex(vector[name].get<std::string>()); };
      Bytes sealed = field("ct");
      Bytes tag = field("tag");
      sealed.insert(sealed.end(), tag.begin(), tag.end());
      Bytes opened;
      bool valid = vector["result"] == "valid";
      EXPECT_EQ(test::ReferenceGcmOpen(field("key"), field("iv"), field("aad"), sealed, &opened), valid)
          << vector["tcId"];
      if (valid) {
        EXPECT_EQ(opened, field("msg")) << vector["tcId"];
        EXPECT_EQ(test::ReferenceGcmSeal(field("key"), field("iv"), field("aad"), field("msg")), sealed)
            << vector["tcId"];
      }
      ++tests;
    }
  }
  EXPECT_GT(tests, 50u);
}

}  // namespace
}  // namespace pii
