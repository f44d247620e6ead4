// What sealing and revealing cost beside the bare OpenSSL calls they consist of, measured in one run.
// test/bench/ core_ratio runs it and prints the ratios.

#include <benchmark/benchmark.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "key_derivation.h"
#include "key_table.h"
#include "mask.h"
#include "normalize.h"
#include "protect.h"
#include "random.h"
#include "sealed_text.h"
#include "sealed_value.h"

namespace {

using namespace pii;

constexpr uint16_t kSsnClass = 4;
constexpr size_t kPlaintextSize = 32;
constexpr std::string_view kPlaintext = "0123456789abcdefghijklmnopqrstuv";
static_assert(kPlaintext.size() == kPlaintextSize);
constexpr std::string_view kSsn = "123-45-6789";
constexpr std::string_view kDomain = "default";

// Values in turn, so that neither side sees one it has just handled. They fit the first-level data cache.
constexpr size_t kValues = 128;
using Stored = std::array<uint8_t, kPlaintextSize + SealedValue::kOverhead>;

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "core_benchmark: %s failed\n", what);
  std::exit(1);
}

void Require(bool done, const char* what) {
  if (!done) Fail(what);
}

void Require(Status status, const char* what) { Require(status == Status::kOk, what); }

/// A domain with fresh keys, the ssn keys prepared.
class Workbench {
 public:
  Workbench() : table_(std::make_unique<KeyTable>()) {
    Keyring keyring;
    std::string problem;
    Require(AddDomain(&keyring, kDomain, 0), "AddDomain");
    Require(BuildKeyTable(keyring, table_.get(), &problem), "BuildKeyTable");
    Require(protector.Attach(*table_, kDomain), "Attach");
    Require(protector.Prepare(*table_, {Purpose::kSeal, kSsnClass, 1}), "Prepare");
    Require(protector.Prepare(*table_, {Purpose::kBlindIndex, kSsnClass, 1}), "Prepare");
  }

  /// Values as one backend writes them: one nonce prefix for all.
  std::vector<Stored> SealWithSharedPrefix() {
    std::vector<Stored> values(kValues);
    for (Stored& value : values) {
      Require(protector.Seal(kSsnClass, AsBytes(kPlaintext), value), "Seal");
    }
    return values;
  }

  /// Values of as many backends: every nonce is random as a whole, so each message key has to be derived.
  std::vector<Stored> SealWithOwnPrefixes() {
    SecretKey key;
    const KeyTable::Key* root = table_->FindKey(table_->domains[0], Purpose::kSeal, 1);
    Require(DeriveKey(root->material, Purpose::kSeal, kSsnClass, kDomain, &key), "DeriveKey");
    XaesKey xaes;
    Require(xaes.Init(key.Expose()), "XaesKey::Init");
    std::vector<Stored> values(kValues);
    for (Stored& value : values) {
      std::span<uint8_t, sizeof(Stored)> bytes(value);
      auto header = bytes.first<SealedValue::kHeaderSize>();
      auto nonce = bytes.subspan<SealedValue::kHeaderSize, kNonceSize>();
      WriteHeader(SealedValue::kXaes256Gcm, kSsnClass, 1, header);
      Require(FillRandom(nonce), "FillRandom");
      Require(xaes.Seal(nonce, header, {}, AsBytes(kPlaintext), bytes.subspan<SealedValue::kPrefixSize>()),
              "XaesKey::Seal");
    }
    return values;
  }

  Protector protector;

 private:
  std::unique_ptr<KeyTable> table_;
};

/// The calls into OpenSSL that XAES-256-GCM cannot do without, and nothing else: no search for a key, no
/// checks, no copies, a counter for a nonce. The message key comes from two blocks of AES-256-ECB.
class BareCipher {
 public:
  static constexpr size_t kTagSize = 16;
  static constexpr size_t kIvSize = 12;
  using Sealed = std::array<uint8_t, kPlaintextSize + kTagSize>;

  explicit BareCipher(bool encrypt)
      : ecb_(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free), gcm_(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free) {
    static EVP_CIPHER* const kEcb = EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr);
    static EVP_CIPHER* const kGcm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    const uint8_t key[32] = {1};
    auto init = encrypt ? EVP_EncryptInit_ex2 : EVP_DecryptInit_ex2;
    Require(EVP_EncryptInit_ex2(ecb_.get(), kEcb, key, nullptr, nullptr) == 1 &&
                EVP_CIPHER_CTX_set_padding(ecb_.get(), 0) == 1 &&
                init(gcm_.get(), kGcm, key, nullptr, nullptr) == 1,
            "EVP_CipherInit");
  }

  bool DeriveMessageKey(uint64_t counter, uint8_t* message_key) {
    int written = 0;
    std::memcpy(blocks_ + 4, &counter, sizeof counter);
    std::memcpy(blocks_ + 20, &counter, sizeof counter);
    return EVP_EncryptUpdate(ecb_.get(), message_key, &written, blocks_, sizeof blocks_) == 1;
  }

  /// Without a message key the one of the last call is used again.
  bool Seal(const uint8_t* message_key, uint64_t counter, Sealed* sealed) {
    uint8_t iv[kIvSize] = {};
    std::memcpy(iv, &counter, sizeof counter);
    int written = 0;
    return EVP_EncryptInit_ex2(gcm_.get(), nullptr, message_key, iv, nullptr) == 1 &&
           EVP_EncryptUpdate(gcm_.get(), nullptr, &written, kHeader, sizeof kHeader) == 1 &&
           EVP_EncryptUpdate(gcm_.get(), sealed->data(), &written, AsBytes(kPlaintext).data(),
                             kPlaintextSize) == 1 &&
           EVP_EncryptFinal_ex(gcm_.get(), sealed->data() + kPlaintextSize, &written) == 1 &&
           EVP_CIPHER_CTX_ctrl(gcm_.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize,
                               sealed->data() + kPlaintextSize) == 1;
  }

  bool Reveal(const uint8_t* message_key, uint64_t counter, Sealed* sealed, uint8_t* plaintext) {
    uint8_t iv[kIvSize] = {};
    std::memcpy(iv, &counter, sizeof counter);
    int written = 0;
    return EVP_DecryptInit_ex2(gcm_.get(), nullptr, message_key, iv, nullptr) == 1 &&
           EVP_DecryptUpdate(gcm_.get(), nullptr, &written, kHeader, sizeof kHeader) == 1 &&
           EVP_DecryptUpdate(gcm_.get(), plaintext, &written, sealed->data(), kPlaintextSize) == 1 &&
           EVP_CIPHER_CTX_ctrl(gcm_.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize,
                               sealed->data() + kPlaintextSize) == 1 &&
           EVP_DecryptFinal_ex(gcm_.get(), plaintext + kPlaintextSize, &written) == 1;
  }

 private:
  static constexpr uint8_t kHeader[SealedValue::kHeaderSize] = {0x00, 0x01, 0x00, 0x04, 0x00, 0x01};

  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> ecb_;
  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> gcm_;
  uint8_t blocks_[32] = {};
};

enum class MessageKey { kFresh, kReused };

void BareSeal(benchmark::State& state, MessageKey mode) {
  BareCipher cipher(true);
  uint8_t message_key[32];
  BareCipher::Sealed sealed;
  uint64_t counter = 0;
  Require(cipher.DeriveMessageKey(0, message_key) && cipher.Seal(message_key, 0, &sealed), "EVP");
  for (auto _ : state) {
    ++counter;
    bool done = mode == MessageKey::kReused || cipher.DeriveMessageKey(counter, message_key);
    done = done && cipher.Seal(mode == MessageKey::kFresh ? message_key : nullptr, counter, &sealed);
    if (!done) state.SkipWithError("EVP failed");
    benchmark::DoNotOptimize(sealed);
  }
}
BENCHMARK_CAPTURE(BareSeal, fresh_key, MessageKey::kFresh);
BENCHMARK_CAPTURE(BareSeal, reused_key, MessageKey::kReused);

void BareReveal(benchmark::State& state, MessageKey mode) {
  std::vector<BareCipher::Sealed> values(kValues);
  BareCipher sealing(true);
  BareCipher cipher(false);
  uint8_t message_key[32];
  for (size_t i = 0; i < kValues; ++i) {
    bool derive = i == 0 || mode == MessageKey::kFresh;
    Require(!derive || sealing.DeriveMessageKey(i, message_key), "EVP");
    Require(sealing.Seal(derive ? message_key : nullptr, i, &values[i]), "EVP");
  }
  uint8_t plaintext[kPlaintextSize + BareCipher::kTagSize];
  Require(cipher.DeriveMessageKey(0, message_key) && cipher.Reveal(message_key, 0, &values[0], plaintext),
          "EVP");
  size_t i = 0;
  for (auto _ : state) {
    bool done = mode == MessageKey::kReused || cipher.DeriveMessageKey(i, message_key);
    done =
        done && cipher.Reveal(mode == MessageKey::kFresh ? message_key : nullptr, i, &values[i], plaintext);
    if (!done) state.SkipWithError("EVP failed");
    benchmark::DoNotOptimize(plaintext);
    i = (i + 1) % kValues;
  }
}
BENCHMARK_CAPTURE(BareReveal, fresh_key, MessageKey::kFresh);
BENCHMARK_CAPTURE(BareReveal, reused_key, MessageKey::kReused);

void Seal(benchmark::State& state) {
  Workbench bench;
  Stored sealed;
  for (auto _ : state) {
    if (bench.protector.Seal(kSsnClass, AsBytes(kPlaintext), sealed) != Status::kOk) {
      state.SkipWithError("Seal failed");
    }
    benchmark::DoNotOptimize(sealed);
  }
}
BENCHMARK(Seal);

void RevealInTurn(benchmark::State& state, Workbench* bench, const std::vector<Stored>& values) {
  std::array<uint8_t, kPlaintextSize> plaintext;
  size_t i = 0;
  for (auto _ : state) {
    SealedValue value;
    size_t size;
    bool is_canary;
    if (ParseSealedValue(values[i], &value) != Status::kOk ||
        bench->protector.Reveal(value, {}, plaintext, &size, &is_canary) != Status::kOk) {
      state.SkipWithError("Reveal failed");
    }
    benchmark::DoNotOptimize(plaintext);
    benchmark::DoNotOptimize(is_canary);
    i = (i + 1) % kValues;
  }
  Require(AsText(plaintext) == kPlaintext, "Reveal");
}

void RevealSharedPrefix(benchmark::State& state) {
  Workbench bench;
  RevealInTurn(state, &bench, bench.SealWithSharedPrefix());
}
BENCHMARK(RevealSharedPrefix)->Name("Reveal/shared_prefix");

void RevealOwnPrefix(benchmark::State& state) {
  Workbench bench;
  RevealInTurn(state, &bench, bench.SealWithOwnPrefixes());
}
BENCHMARK(RevealOwnPrefix)->Name("Reveal/own_prefix");

void IndexValue(benchmark::State& state) {
  Workbench bench;
  std::array<char, NormalizedBound(kSsn.size())> scratch;
  BlindIndexValue value;
  for (auto _ : state) {
    if (bench.protector.IndexValue(kSsnClass, 1, Transform::kExact, kSsn, scratch, &value) != Status::kOk) {
      state.SkipWithError("IndexValue failed");
    }
    benchmark::DoNotOptimize(value);
  }
}
BENCHMARK(IndexValue)->Name("IndexValue/ssn");

void WriteText(benchmark::State& state) {
  Workbench bench;
  Stored sealed = bench.SealWithSharedPrefix()[0];
  std::array<char, SealedTextBound(sizeof(Stored))> text;
  for (auto _ : state) {
    benchmark::DoNotOptimize(WriteSealedText(sealed, text));
    benchmark::DoNotOptimize(text);
  }
}
BENCHMARK(WriteText)->Name("WriteSealedText");

void ParseText(benchmark::State& state) {
  Workbench bench;
  std::array<char, SealedTextBound(sizeof(Stored))> text;
  size_t text_size = WriteSealedText(bench.SealWithSharedPrefix()[0], text);
  std::array<uint8_t, SealedBytesBound(sizeof text)> sealed;
  for (auto _ : state) {
    size_t size;
    if (ParseSealedText({text.data(), text_size}, sealed, &size) != Status::kOk) {
      state.SkipWithError("ParseSealedText failed");
    }
    benchmark::DoNotOptimize(sealed);
  }
}
BENCHMARK(ParseText)->Name("ParseSealedText");

void RandomFromPool(benchmark::State& state) {
  std::array<uint8_t, kNonceSize> nonce;
  for (auto _ : state) {
    if (FillRandom(nonce) != Status::kOk) state.SkipWithError("FillRandom failed");
    benchmark::DoNotOptimize(nonce);
  }
}
BENCHMARK(RandomFromPool)->Name("Random24/pool");

void RandomFromOpenSsl(benchmark::State& state) {
  std::array<uint8_t, kNonceSize> nonce;
  for (auto _ : state) {
    if (RAND_bytes(nonce.data(), nonce.size()) != 1) state.SkipWithError("RAND_bytes failed");
    benchmark::DoNotOptimize(nonce);
  }
}
BENCHMARK(RandomFromOpenSsl)->Name("Random24/RAND_bytes");

/// A value of each built-in class, in the order of their ids, as people write them.
constexpr std::string_view kRepresentatives[] = {
    "a note about somebody",
    "Katherine Johnson",
    "katherine.johnson@example.com",
    "+1 (202) 555-0123",
    kSsn,
    "4111 1111 1111 1111",
    "DE02 1203 0000 0000 2020 51",
    "000123456789",
    "1600 Example Avenue, Springfield",
    "1980-05-06",
    "203.0.113.77",
    "C01X00T47",
    "AB 12 34 56 C",
    "D123-4567-8901",
    "SW1A 1AA",
    "correct horse battery staple",
};

void MaskOne(benchmark::State& state, const PiiClass& pii_class, std::string_view value) {
  std::vector<char> out(MaskBound(value.size()));
  for (auto _ : state) {
    benchmark::DoNotOptimize(Mask(pii_class, value, out));
    benchmark::DoNotOptimize(out.data());
  }
}

void NormalizeOne(benchmark::State& state, const PiiClass& pii_class, std::string_view value) {
  std::vector<char> out(NormalizedBound(value.size()));
  for (auto _ : state) {
    size_t size;
    if (Normalize(pii_class, value, out, &size) != Status::kOk) state.SkipWithError("Normalize failed");
    benchmark::DoNotOptimize(out.data());
  }
}

void RegisterClasses() {
  std::span<const PiiClass> classes = BuiltinClasses();
  Require(classes.size() == std::size(kRepresentatives), "a representative of each class");
  for (const PiiClass& pii_class : classes) {
    std::string_view value = kRepresentatives[pii_class.id];
    std::string name(pii_class.name());
    benchmark::RegisterBenchmark(("Mask/" + name).c_str(), [&pii_class, value](benchmark::State& state) {
      MaskOne(state, pii_class, value);
    });
    if (pii_class.normalizer == Normalizer::kNone) continue;
    benchmark::RegisterBenchmark(("Normalize/" + name).c_str(), [&pii_class, value](benchmark::State& state) {
      NormalizeOne(state, pii_class, value);
    });
  }
  // ASCII takes a short cut around ICU; this is the long way.
  const PiiClass& name_class = classes[1];
  benchmark::RegisterBenchmark("Normalize/name_not_ascii", [&name_class](benchmark::State& state) {
    NormalizeOne(state, name_class, "Jos\u00e9 \u00c1ngel Mu\u00f1oz");
  });
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::AddCustomContext("openssl", OpenSSL_version(OPENSSL_VERSION));
#ifdef __clang__
  benchmark::AddCustomContext("compiler", "clang " __clang_version__);
#else
  benchmark::AddCustomContext("compiler", "g++ " __VERSION__);
#endif
#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
  benchmark::AddCustomContext("build", "not optimised, or with sanitizers: the figures mean nothing");
#else
  benchmark::AddCustomContext("build", "optimised");
#endif
  RegisterClasses();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
