// Fixed work on fixed values, for test/bench/instructions, which runs it under callgrind and counts what of
// it is spent in the core. Alone it does the same work and says nothing.

#include <valgrind/callgrind.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "mask.h"
#include "normalize.h"
#include "sealed_text.h"
#include "workbench.h"

namespace {

using namespace pii;

constexpr int kCalls = 1000;
constexpr uint16_t kNameClass = 1;
constexpr uint16_t kEmailClass = 2;
constexpr uint16_t kIbanClass = 6;
constexpr uint16_t kDobClass = 9;
constexpr uint16_t kIpClass = 10;
constexpr std::string_view kName = "Katherine Johnson";
constexpr std::string_view kNameNotAscii = "Jos\u00e9 \u00c1ngel Mu\u00f1oz";
constexpr std::string_view kEmail = "katherine.johnson@example.com";
constexpr std::string_view kIban = "DE02 1203 0000 0000 2020 51";

/// Runs `body` kCalls times and has callgrind write what that took under `name`. The first calls are not
/// counted: they make contexts and fill tables, once a process.
template <typename Body>
void Measure(const char* name, Body&& body) {
  for (int i = 0; i < kCalls; ++i) Require(body(), name);
  CALLGRIND_ZERO_STATS;
  for (int i = 0; i < kCalls; ++i) {
    if (!body()) std::abort();
  }
  CALLGRIND_DUMP_STATS_AT(name);
}

/// Keeps the compiler from leaving out work whose result nobody looks at.
template <typename T>
void Use(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

void MeasureSeal(Workbench* bench) {
  Stored sealed;
  Measure("seal", [&] {
    Status status = bench->protector.Seal(kSsnClass, AsBytes(kPlaintext), sealed);
    Use(sealed);
    return status == Status::kOk;
  });
}

void MeasureReveal(const char* name, Workbench* bench, const std::vector<Stored>& values) {
  std::array<uint8_t, kPlaintextSize> plaintext;
  size_t i = 0;
  Measure(name, [&] {
    SealedValue value;
    size_t size;
    bool is_canary;
    bool done = ParseSealedValue(values[i], &value) == Status::kOk &&
                bench->protector.Reveal(value, {}, plaintext, &size, &is_canary) == Status::kOk;
    Use(plaintext);
    i = (i + 1) % kValues;
    return done;
  });
}

void MeasureRewrap(Workbench* bench, const Stored& stored) {
  Stored rewrapped;
  Measure("rewrap", [&] {
    SealedValue value;
    bool done = ParseSealedValue(stored, &value) == Status::kOk &&
                bench->protector.Rewrap(value, {}, rewrapped) == Status::kOk;
    Use(rewrapped);
    return done;
  });
}

/// With the same bytes each time: what it takes depends on how many + and / there are.
void MeasureText(Stored stored) {
  for (size_t i = SealedValue::kHeaderSize; i < stored.size(); ++i) stored[i] = static_cast<uint8_t>(i * 151);
  std::array<char, SealedTextBound(sizeof(Stored))> text;
  std::array<uint8_t, SealedBytesBound(sizeof text)> sealed;
  size_t text_size = WriteSealedText(stored, text);
  Measure("write_sealed_text", [&] {
    size_t size = WriteSealedText(stored, text);
    Use(text);
    return size == text_size;
  });
  Measure("parse_sealed_text", [&] {
    size_t size;
    Status status = ParseSealedText({text.data(), text_size}, sealed, &size);
    Use(sealed);
    return status == Status::kOk;
  });
}

void MeasureMask(const char* name, uint16_t class_id, std::string_view value) {
  const PiiClass& pii_class = BuiltinClasses()[class_id];
  std::vector<char> mask(MaskBound(value.size()));
  Measure(name, [&] {
    size_t size = Mask(pii_class, value, mask);
    Use(mask[0]);
    return size > 0;
  });
}

void MeasureIndex(const char* name, Workbench* bench, uint16_t class_id, std::string_view value) {
  std::vector<char> scratch(NormalizedBound(value.size()));
  bench->PrepareClass(class_id);
  Measure(name, [&] {
    BlindIndexValue index_value;
    Status status = bench->protector.IndexValue(class_id, 1, Transform::kExact, value, scratch, &index_value);
    Use(index_value);
    return status == Status::kOk;
  });
}

void MeasureHash(Workbench* bench) {
  bench->PrepareExecutorHash();
  Measure("hash_ssn", [&] {
    uint64_t hash;
    Status status = bench->protector.Hash({kSsnClass, kSsn}, &hash);
    Use(hash);
    return status == Status::kOk;
  });
}

}  // namespace

int main() {
  Workbench bench;
  MeasureSeal(&bench);
  std::vector<Stored> values = bench.SealWithSharedPrefix();
  MeasureReveal("reveal_shared_prefix", &bench, values);
  MeasureReveal("reveal_own_prefix", &bench, bench.SealWithOwnPrefixes());
  MeasureRewrap(&bench, values[0]);
  MeasureText(values[0]);
  MeasureMask("mask_ssn", kSsnClass, kSsn);
  MeasureMask("mask_email", kEmailClass, kEmail);
  MeasureMask("mask_name", kNameClass, kName);
  MeasureMask("mask_iban", kIbanClass, kIban);
  MeasureIndex("blind_index_ssn", &bench, kSsnClass, kSsn);
  MeasureIndex("blind_index_email", &bench, kEmailClass, kEmail);
  MeasureIndex("blind_index_name_not_ascii", &bench, kNameClass, kNameNotAscii);
  MeasureIndex("blind_index_iban", &bench, kIbanClass, kIban);
  MeasureIndex("blind_index_dob", &bench, kDobClass, "1980-05-06");
  MeasureIndex("blind_index_ip", &bench, kIpClass, "2001:db8::c000:201");
  MeasureHash(&bench);
  // What the numbers depend on besides the source.
  std::printf("%d calls, g++ %d.%d, %s\n", kCalls, __GNUC__, __GNUC_MINOR__,
#if defined(__clang__) || !defined(__OPTIMIZE__) || defined(__SANITIZE_ADDRESS__)
              "another compiler, or not optimised"
#else
              "optimised"
#endif
  );
  return 0;
}
