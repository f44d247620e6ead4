// The set-returning functions behind the views pii_keyring and pii_classes.

#include "mask.h"
#include "pg.h"
#include "pii_class.h"
#include "shared_keys.h"

namespace pii {
namespace {

/// The names of the transforms the class may be indexed by, as text[].
Datum TransformNames(const PiiClass& pii_class) {
  Datum names[std::size(kTransforms)];
  int count = 0;
  for (Transform transform : kTransforms) {
    if (AllowsTransform(pii_class, transform))
      names[count++] = CStringGetTextDatum(TransformName(transform).data());
  }
  return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

void EmitClass(ReturnSetInfo* result, const PiiClass& pii_class) {
  bool is_custom = pii_class.mask == MaskRule::kKeep;
  std::string_view normalizer = NormalizerName(pii_class.normalizer);
  Datum values[] = {
      Int32GetDatum(pii_class.id),
      CStringGetTextDatum(pii_class.name_text),
      PointerGetDatum(cstring_to_text_with_len(normalizer.data(), static_cast<int>(normalizer.size()))),
      is_custom ? Datum(0) : CStringGetTextDatum(MaskExample(pii_class.mask)),
      Int32GetDatum(pii_class.keep_first),
      Int32GetDatum(pii_class.keep_last),
      BoolGetDatum(pii_class.normalizer != Normalizer::kNone),
      TransformNames(pii_class),
      BoolGetDatum(pii_class.id < kFirstCustomClass),
  };
  bool nulls[] = {false, false, false, is_custom, !is_custom, !is_custom, false, false, false};
  tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

constexpr int kKeyColumns = 10;

void EmitKey(ReturnSetInfo* result, const KeyringCopy& keyring, const char* domain, uint32_t place) {
  const KeyTable::Key& key = keyring.table->keys[place];
  char check_value[2 * sizeof(CheckValue) + 1];
  for (size_t i = 0; i < key.check_value.size(); ++i) {
    snprintf(check_value + 2 * i, 3, "%02x", key.check_value[i]);
  }
  constexpr int64 kPostgresEpoch = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
  Datum values[kKeyColumns] = {
      CStringGetTextDatum(domain),
      CStringGetTextDatum(PurposeName(key.purpose)),
      Int32GetDatum(key.version),
      CStringGetTextDatum(KeyStatusName(key.status).data()),
      BoolGetDatum(key.primary),
      TimestampTzGetDatum((key.created - kPostgresEpoch) * USECS_PER_SEC),
      CStringGetTextDatum(check_value),
      TimestampTzGetDatum(keyring.last_used[place]),
      TimestampTzGetDatum(keyring.loaded_at),
      CStringGetTextDatum(keyring.last_error.data),
  };
  bool nulls[kKeyColumns] = {};
  nulls[6] = key.status == KeyStatus::kDestroyed;
  nulls[7] = keyring.last_used[place] == 0;
  nulls[9] = keyring.last_error.data[0] == '\0';
  tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

void EmitKeyring(ReturnSetInfo* result) {
  KeyringCopy keyring = CopyKeyring();
  if (keyring.loaded_at == 0) {
    Datum values[kKeyColumns] = {};
    bool nulls[kKeyColumns];
    memset(nulls, true, sizeof nulls);
    values[kKeyColumns - 1] = CStringGetTextDatum(keyring.last_error.data);
    nulls[kKeyColumns - 1] = keyring.last_error.data[0] == '\0';
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
  }
  for (uint32_t d = 0; d < keyring.table->domain_count; ++d) {
    const KeyTable::DomainEntry& domain = keyring.table->domains[d];
    for (uint32_t k = 0; k < domain.key_count; ++k)
      EmitKey(result, keyring, domain.name, domain.first_key + k);
  }
}

}  // namespace
}  // namespace pii

PII_FUNCTION(pii_keyring_rows) {
  InitMaterializedSRF(fcinfo, 0);
  pii::EmitKeyring(reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo));
  return Datum(0);
}

PII_FUNCTION(pii_class_rows) {
  InitMaterializedSRF(fcinfo, 0);
  auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  for (const pii::PiiClass& builtin : pii::BuiltinClasses()) pii::EmitClass(result, builtin);
  for (const pii::PiiClass& custom : pii::CustomClasses()) pii::EmitClass(result, custom);
  return Datum(0);
}
