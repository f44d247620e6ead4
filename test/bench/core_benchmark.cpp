// What sealing and revealing cost beside the bare OpenSSL calls they consist of, and beside nettle, in one
// run. test/bench/ core_ratio runs it and prints the ratios.

#include <benchmark/benchmark.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>
#include <string>
#include <vector>

#include "bare_cipher.h"
#include "mask.h"
#include "normalize.h"
#include "random.h"
#include "sealed_text.h"
#include "workbench.h"
#ifdef PII_NETTLE
#include "nettle_cipher.h"
#endif

namespace {

using namespace pii;

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

#ifdef PII_NETTLE

void NettleSeal(benchmark::State& state) {
  NettleCipher cipher;
  std::array<uint8_t, kPlaintextSize + NettleCipher::kTagSize> sealed;
  uint64_t counter = 0;
  for (auto _ : state) {
    cipher.Seal(++counter, AsBytes(kPlaintext).data(), kPlaintextSize, sealed.data());
    benchmark::DoNotOptimize(sealed);
  }
}
BENCHMARK(NettleSeal);

void NettleReveal(benchmark::State& state) {
  NettleCipher cipher;
  std::vector<std::array<uint8_t, kPlaintextSize + NettleCipher::kTagSize>> values(kValues);
  for (size_t i = 0; i < kValues; ++i) {
    cipher.Seal(i, AsBytes(kPlaintext).data(), kPlaintextSize, values[i].data());
  }
  std::array<uint8_t, kPlaintextSize> plaintext;
  size_t i = 0;
  for (auto _ : state) {
    if (!cipher.Reveal(i, values[i].data(), kPlaintextSize, plaintext.data())) {
      state.SkipWithError("NettleCipher::Reveal failed");
    }
    benchmark::DoNotOptimize(plaintext);
    i = (i + 1) % kValues;
  }
}
BENCHMARK(NettleReveal);

#endif

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
