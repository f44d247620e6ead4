// Counters of what is done with values, for all sessions since the server started or the last reset: what
// pii_stat_access shows.

#include "access_counters.h"

#include "pg.h"
#include "pii_class.h"
#include "report.h"
#include "shared_keys.h"

namespace pii {
namespace {

constexpr char kTranche[] = "pii_access";
/// Combinations of database, role and class that are told apart, about 100 bytes each. What comes later is
/// counted in one row without names.
constexpr long kMaxEntries = 8192;

struct Key {
  Oid database;
  Oid role;
  int32 class_id;
};
constexpr Key kOthers{InvalidOid, InvalidOid, -2};

struct Entry {
  Key key;
  pg_atomic_uint64 values[kOperations];
};

struct State {
  TimestampTz reset_at;
};

HTAB* entries;
State* state;
LWLock* lock;  ///< exclusive to add or remove entries; counting takes it shared

shmem_request_hook_type next_shmem_request;
shmem_startup_hook_type next_shmem_startup;

void RequestSharedMemory() {
  if (next_shmem_request != nullptr) next_shmem_request();
  RequestAddinShmemSpace(hash_estimate_size(kMaxEntries, sizeof(Entry)) + MAXALIGN(sizeof(State)));
  RequestNamedLWLockTranche(kTranche, 1);
}

Entry* FindEntry(const Key& key) {
  return static_cast<Entry*>(hash_search(entries, &key, HASH_FIND, nullptr));
}

/// The caller holds the lock exclusively. When there is no room, the row of all others.
Entry* AddEntry(const Key& key) {
  if (hash_get_num_entries(entries) >= kMaxEntries - 1 && memcmp(&key, &kOthers, sizeof key) != 0)
    return FindEntry(kOthers);
  bool found;
  auto* entry = static_cast<Entry*>(hash_search(entries, &key, HASH_ENTER_NULL, &found));
  if (entry == nullptr || found) return entry;
  for (pg_atomic_uint64& values : entry->values) pg_atomic_init_u64(&values, 0);
  return entry;
}

void StartSharedMemory() {
  if (next_shmem_startup != nullptr) next_shmem_startup();
  HASHCTL control{};
  control.keysize = sizeof(Key);
  control.entrysize = sizeof(Entry);
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  bool found;
  state = static_cast<State*>(ShmemInitStruct("pii access", sizeof(State), &found));
  entries = ShmemInitHash("pii access counters", kMaxEntries, kMaxEntries, &control, HASH_ELEM | HASH_BLOBS);
  lock = &GetNamedLWLockTranche(kTranche)->lock;
  if (!found) {
    state->reset_at = GetCurrentTimestamp();
    AddEntry(kOthers);
  }
  LWLockRelease(AddinShmemInitLock);
}

void Emit(ReturnSetInfo* result, const Key& key, const uint64 (&counts)[kOperations], TimestampTz reset_at) {
  bool is_others = key.class_id == kOthers.class_id;
  const PiiClass* pii_class = key.class_id >= 0 ? FindClass(static_cast<uint16_t>(key.class_id)) : nullptr;
  const char* name = pii_class != nullptr ? pii_class->name_text : psprintf("%d", key.class_id);
  Datum values[4 + kOperations] = {ObjectIdGetDatum(key.database), ObjectIdGetDatum(key.role),
                                   CStringGetTextDatum(name)};
  bool nulls[4 + kOperations] = {is_others, is_others, is_others || key.class_id < 0};
  for (int i = 0; i < kOperations; ++i) values[3 + i] = Int64GetDatum(static_cast<int64>(counts[i]));
  values[3 + kOperations] = TimestampTzGetDatum(reset_at);
  tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

}  // namespace

void InstallAccessCounters() {
  next_shmem_request = shmem_request_hook;
  shmem_request_hook = RequestSharedMemory;
  next_shmem_startup = shmem_startup_hook;
  shmem_startup_hook = StartSharedMemory;
}

void CountAccess(const Access& access) {
  if (entries == nullptr) return;
  Key key{MyDatabaseId, access.user, access.class_id};
  auto operation = static_cast<size_t>(access.operation);
  auto count = static_cast<int64>(access.values);
  LWLockAcquire(lock, LW_SHARED);
  Entry* entry = FindEntry(key);
  if (entry != nullptr) pg_atomic_fetch_add_u64(&entry->values[operation], count);
  LWLockRelease(lock);
  if (entry != nullptr) return;
  LWLockAcquire(lock, LW_EXCLUSIVE);
  entry = AddEntry(key);
  if (entry != nullptr) pg_atomic_fetch_add_u64(&entry->values[operation], count);
  LWLockRelease(lock);
}

}  // namespace pii

/// pii_stat_access_rows() → (database, role, class, sealed, ..., reset_at)
PII_FUNCTION(pii_stat_access_rows) {
  if (pii::entries == nullptr) pii::ReportNotPreloaded();
  InitMaterializedSRF(fcinfo, 0);
  auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  pii::CarryOverAccess();  // what this session did in this transaction so far
  // Copies, so that the lock is not held while rows are made.
  struct Row {
    pii::Key key;
    uint64 values[pii::kOperations];
  };
  LWLockAcquire(pii::lock, LW_SHARED);
  TimestampTz reset_at = pii::state->reset_at;
  auto* rows = static_cast<Row*>(palloc(sizeof(Row) * static_cast<Size>(hash_get_num_entries(pii::entries))));
  Size found = 0;
  HASH_SEQ_STATUS scan;
  hash_seq_init(&scan, pii::entries);
  while (auto* entry = static_cast<pii::Entry*>(hash_seq_search(&scan))) {
    rows[found].key = entry->key;
    for (int i = 0; i < pii::kOperations; ++i) rows[found].values[i] = pg_atomic_read_u64(&entry->values[i]);
    ++found;
  }
  LWLockRelease(pii::lock);
  for (Size i = 0; i < found; ++i) {
    bool is_empty = true;
    for (uint64 value : rows[i].values) is_empty = is_empty && value == 0;
    if (!is_empty) pii::Emit(result, rows[i].key, rows[i].values, reset_at);
  }
  return Datum(0);
}

PII_FUNCTION(pii_stat_access_reset) {
  if (pii::entries == nullptr) pii::ReportNotPreloaded();
  LWLockAcquire(pii::lock, LW_EXCLUSIVE);
  HASH_SEQ_STATUS scan;
  hash_seq_init(&scan, pii::entries);
  while (auto* entry = static_cast<pii::Entry*>(hash_seq_search(&scan))) {
    hash_search(pii::entries, &entry->key, HASH_REMOVE, nullptr);
  }
  pii::AddEntry(pii::kOthers);
  pii::state->reset_at = GetCurrentTimestamp();
  LWLockRelease(pii::lock);
  (void)fcinfo;
  PG_RETURN_VOID();
}
