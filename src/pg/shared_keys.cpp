#include "shared_keys.h"

#include <sys/mman.h>
#include <sys/prctl.h>

#include <cstring>

#include "keyring_load.h"
#include "pg.h"
#include "report.h"
#include "settings.h"

namespace pii {
namespace {

constexpr char kLockTranche[] = "pii_keyring";

/// What all processes know of the keyring beside the keys themselves. In PostgreSQL's shared memory.
struct KeyringState {
  pg_atomic_uint64 generation;  ///< counts loads; a process that saw another number attaches anew
  pg_atomic_uint64 next_reading;
  uint64 loaded_reading;  ///< the reading that is loaded: an older one that ends later is not taken
  uint64 last_reading;    ///< the one that last_error is about
  CoreText last_error;    ///< empty after a load that succeeded
  pg_atomic_uint64 last_used[KeyTable::kMaxKeys];  ///< by place in the table: TimestampTz, 0 for never
};

KeyringState* state;
LWLock* lock;       ///< guards which table is the current one, and the state, but for its atomics
LWLock* swap_lock;  ///< held by who fills the spare table

/// Root keys, in a mapping of their own instead of PostgreSQL's shared memory: that may consist of huge
/// pages, where a part can neither be kept out of core files nor be page aligned. It belongs to the
/// postmaster, so that it outlives a crash of another process. Two tables: nobody waits while one is filled.
struct KeyMemory {
  static constexpr uint32_t kNone = 2;

  uint32_t current;  ///< which table holds the keys that are loaded; kNone: no keys are
  TimestampTz loaded_at;
  KeyTable tables[2];

  const KeyTable* table() const { return current < kNone ? &tables[current] : nullptr; }
};

KeyMemory* memory;

shmem_request_hook_type next_shmem_request;
shmem_startup_hook_type next_shmem_startup;

// This process's keys.
Protector* protector;
uint64 attached_generation;  ///< 0: not attached

/// The mapping is read-only but for moments, so that a process gone wild damages itself and not the keys.
void AllowWriting(bool allow) {
  if (mprotect(memory, sizeof *memory, allow ? PROT_READ | PROT_WRITE : PROT_READ) != 0) {
    ereport(PANIC, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not write keys to shared memory: %m")));
  }
}

void WipeTable(KeyTable* table) { Wipe({reinterpret_cast<uint8_t*>(table), sizeof *table}); }

void WipeMemory(int, Datum) {
  AllowWriting(true);
  WipeTable(&memory->tables[0]);
  WipeTable(&memory->tables[1]);
}

/// Makes the mapping. Only the postmaster comes here, once; its children inherit it.
void MapMemory() {
  void* mapping = mmap(nullptr, sizeof(KeyMemory), PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) {
    ereport(FATAL, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not map memory for keys: %m")));
  }
  if (madvise(mapping, sizeof(KeyMemory), MADV_DONTDUMP) != 0) {
    ereport(FATAL, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not keep keys out of core files: %m")));
  }
  // mlock is not inherited by fork; the lock of the postmaster, which outlives its children, keeps the pages.
  if (mlock(mapping, sizeof(KeyMemory)) != 0) {
    ereport(WARNING,
            (errmsg("could not lock keys in memory, they may be swapped to disk: %m"),
             errhint("Allow the server's user to lock at least %zu kB (LimitMEMLOCK in its systemd unit).",
                     sizeof(KeyMemory) / 1024 + 1)));
  }
  memory = static_cast<KeyMemory*>(mapping);
  AllowWriting(true);
  memory->current = KeyMemory::kNone;
  AllowWriting(false);
  on_proc_exit(WipeMemory, 0);
}

/// When each key was last used, by its place in the new table. The caller holds the lock.
void CarryOverUse(const KeyTable* old, const KeyTable& fresh) {
  static uint64 used[KeyTable::kMaxKeys];
  memset(used, 0, sizeof used);
  for (uint32_t d = 0; old != nullptr && d < fresh.domain_count; ++d) {
    const KeyTable::DomainEntry* old_domain = old->FindDomain(fresh.domains[d].name);
    if (old_domain == nullptr) continue;
    for (const KeyTable::Key& key : fresh.KeysOf(fresh.domains[d])) {
      const KeyTable::Key* same = old->FindKey(*old_domain, key.purpose, key.version);
      if (same != nullptr) used[&key - fresh.keys] = pg_atomic_read_u64(&state->last_used[same - old->keys]);
    }
  }
  for (size_t i = 0; i < KeyTable::kMaxKeys; ++i) pg_atomic_write_u64(&state->last_used[i], used[i]);
}

/// Hash indexes are by the hash key, and the hash tables of statements that run.
bool KeepsHashKeys(const KeyTable& old, const KeyTable& fresh, CoreText* problem) {
  for (uint32_t d = 0; d < fresh.domain_count; ++d) {
    const KeyTable::DomainEntry* before = old.FindDomain(fresh.domains[d].name);
    if (before == nullptr ||
        CRYPTO_memcmp(before->hash_key, fresh.domains[d].hash_key, sizeof before->hash_key) == 0) {
      continue;
    }
    snprintf(problem->data, sizeof problem->data,
             "domains.%s.hash_key: it is another one than before, which takes a restart of the server and a "
             "REINDEX of hash indexes on sealed columns",
             fresh.domains[d].name);
    return false;
  }
  return true;
}

/// Which enabled versions of the old keyring the new one lacks, has not enabled, or has with another key.
void FindLostKeys(const KeyTable& old, const KeyTable& fresh, KeyringLoad* load) {
  for (uint32_t d = 0; d < old.domain_count; ++d) {
    const KeyTable::DomainEntry* domain = fresh.FindDomain(old.domains[d].name);
    for (const KeyTable::Key& key : old.KeysOf(old.domains[d])) {
      if (key.status != KeyStatus::kEnabled) continue;
      const KeyTable::Key* now =
          domain != nullptr ? fresh.FindKey(*domain, key.purpose, key.version) : nullptr;
      bool is_changed = now != nullptr && now->check_value != key.check_value;
      if (now != nullptr && now->status == KeyStatus::kEnabled && !is_changed) continue;
      if (load->lost_count++ >= KeyringLoad::kNamed) continue;
      KeyringLoad::LostKey* lost = &load->lost[load->lost_count - 1];
      strlcpy(lost->domain, old.domains[d].name, sizeof lost->domain);
      lost->purpose = key.purpose;
      lost->version = key.version;
      lost->last_used = static_cast<int64_t>(pg_atomic_read_u64(&state->last_used[&key - old.keys]));
      lost->reason = now == nullptr                         ? "is not in the keyring any more"
                     : now->status == KeyStatus::kDisabled  ? "is disabled"
                     : now->status == KeyStatus::kDestroyed ? "is destroyed"
                                                            : "is another key than before";
    }
  }
}

/// Puts new keys in the place of the old ones: fills the spare table, then makes it the current one.
void SwapTables(const KeyTable& fresh, uint64 reading) {
  uint32_t old = memory->current;
  uint32_t spare = old == 0 ? 1 : 0;
  AllowWriting(true);
  memcpy(static_cast<void*>(&memory->tables[spare]), &fresh, sizeof fresh);
  LWLockAcquire(lock, LW_EXCLUSIVE);
  CarryOverUse(memory->table(), memory->tables[spare]);
  pg_write_barrier();  // a crash leaves the postmaster one table or the other
  memory->loaded_at = GetCurrentTimestamp();
  memory->current = spare;
  state->loaded_reading = reading;
  pg_atomic_fetch_add_u64(&state->generation, 1);
  LWLockRelease(lock);
  // Who read the old table held the lock.
  if (old != KeyMemory::kNone) WipeTable(&memory->tables[old]);
  AllowWriting(false);
}

/// Tells every session of every database at once, also on a standby, whose transactions send no
/// invalidations: a plan may have a blind index value of the old primary version folded in.
void DiscardPlans() {
  SharedInvalidationMessage message{};
  message.cc.id = static_cast<int8>(kKeyringSyscache);
  message.cc.dbId = InvalidOid;
  message.cc.hashValue = 0;  // all
  SendSharedInvalidMessages(&message, 1);
}

/// Lets processes attach to the keys that outlived a crash.
void KeepKeys() {
  // The process that crashed may have been filling it.
  AllowWriting(true);
  WipeTable(&memory->tables[memory->current == 0 ? 1 : 0]);
  AllowWriting(false);
  LWLockAcquire(lock, LW_EXCLUSIVE);
  pg_atomic_fetch_add_u64(&state->generation, 1);
  LWLockRelease(lock);
  ereport(LOG, (errmsg("pii: keys kept over the restart after a crash")));
}

void RequestSharedMemory() {
  if (next_shmem_request != nullptr) next_shmem_request();
  RequestAddinShmemSpace(MAXALIGN(sizeof(KeyringState)));
  RequestNamedLWLockTranche(kLockTranche, 2);
}

void StartSharedMemory() {
  if (next_shmem_startup != nullptr) next_shmem_startup();
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  bool found;
  state = static_cast<KeyringState*>(ShmemInitStruct("pii keyring", sizeof(KeyringState), &found));
  LWLockPadded* locks = GetNamedLWLockTranche(kLockTranche);
  lock = &locks[0].lock;
  swap_lock = &locks[1].lock;
  if (!found) {
    memset(static_cast<void*>(state), 0, sizeof *state);
    pg_atomic_init_u64(&state->generation, 0);
    pg_atomic_init_u64(&state->next_reading, 1);
    for (pg_atomic_uint64& used : state->last_used) pg_atomic_init_u64(&used, 0);
  }
  LWLockRelease(AddinShmemInitLock);
  if (found) return;
  if (memory == nullptr) MapMemory();
  // After a crash of a process PostgreSQL makes shared memory anew, but the key tables are the postmaster's,
  // and read-only: the keys are still there. Reading them again would need a provider that may be down or
  // slow by now, with PostgreSQL 15 deaf to signals meanwhile, and could bring in another keyring unnoticed.
  if (memory->current != KeyMemory::kNone) {
    KeepKeys();
  } else {
    KeyringLoad load;
    bool loaded = LoadKeyring(nullptr, &load);
    LogLoad(load, loaded);
  }
}

[[noreturn]] void ReportLocked() {
  CoreText reason;
  LWLockAcquire(lock, LW_SHARED);
  reason = state->last_error;
  LWLockRelease(lock);
  // As in the view pii_keyring: the reason tells of the server's files.
  bool may_know = has_privs_of_role(GetUserId(), ROLE_PG_MONITOR);
  ereport(ERROR,
          (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
           errmsg("personal data is locked: no keyring is loaded"),
           may_know ? errdetail_internal("%s", reason.data) : 0,
           errhint("Correct the keyring, then SELECT pii_reload_keyring(). The server log says why it was "
                   "refused.")));
}

/// A reload of the keyring, or all caches are emptied.
void ForgetPlans(Datum, int, uint32 hash_value) {
  if (hash_value == 0) ResetPlanCache();
}

/// Attaches this process to the keys that are loaded now. kKeyNotPrepared: none are.
Status Attach() {
  attached_generation = 0;
  if (protector == nullptr) {
    CacheRegisterSyscacheCallback(kKeyringSyscache, ForgetPlans, Datum(0));
    // From here on this process's heap holds derived keys and values, where nothing keeps them out of a core
    // file.
    if (!settings.core_dumps) prctl(PR_SET_DUMPABLE, 0);
    Status status = CallCore([] {
      protector = new Protector;
      return Status::kOk;
    });
    if (status != Status::kOk) return status;
  }
  LWLockAcquire(lock, LW_SHARED);
  uint64 generation = pg_atomic_read_u64(&state->generation);
  Status status = Status::kKeyNotPrepared;
  const KeyTable* table = memory->table();
  if (table != nullptr) status = CallCore([=] { return protector->Attach(*table, settings.domain); });
  LWLockRelease(lock);
  if (status == Status::kOk) attached_generation = generation;
  return status;
}

/// Once for each process and key, so that it costs nothing where values are read.
void NoteUse(const KeyTable& table, const KeyRef& ref) {
  const KeyTable::DomainEntry* domain = table.FindDomain(settings.domain);
  const KeyTable::Key* key = domain != nullptr ? table.FindKey(*domain, ref.purpose, ref.version) : nullptr;
  if (key == nullptr) return;
  pg_atomic_write_u64(&state->last_used[key - table.keys], static_cast<uint64>(GetCurrentTimestamp()));
}

bool IsAttached() {
  return attached_generation != 0 && attached_generation == pg_atomic_read_u64(&state->generation);
}

}  // namespace

void InstallSharedKeys() {
  next_shmem_request = shmem_request_hook;
  shmem_request_hook = RequestSharedMemory;
  next_shmem_startup = shmem_startup_hook;
  shmem_startup_hook = StartSharedMemory;
}

void DetachKeys() { attached_generation = 0; }

Protector* CurrentProtector() {
  if (state == nullptr) ReportNotPreloaded();
  if (likely(IsAttached())) return protector;
  Status status = Attach();
  if (status == Status::kKeyNotPrepared) ReportLocked();
  if (status != Status::kOk) ReportSealFailure(status, kTextClass);
  return protector;
}

Status PrepareMissingKey(Protector* current) {
  LWLockAcquire(lock, LW_SHARED);
  // When the table was swapped since, the caller's next round attaches to the new one first.
  Status status = Status::kOk;
  if (IsAttached()) {
    const KeyTable* table = memory->table();
    status = CallCore([=] { return current->Prepare(*table, current->missing()); });
    if (status == Status::kOk) NoteUse(*table, current->missing());
  }
  LWLockRelease(lock);
  return status;
}

bool HasKeys() { return state != nullptr && (IsAttached() || Attach() == Status::kOk); }

const PiiClass* FindClass(uint16_t id) {
  std::span<const PiiClass> builtin = BuiltinClasses();
  if (id < builtin.size()) return &builtin[id];
  return HasKeys() ? protector->FindClass(id) : nullptr;
}

const PiiClass* FindClass(const char* name) {
  for (const PiiClass& builtin : BuiltinClasses()) {
    if (strcmp(builtin.name_text, name) == 0) return &builtin;
  }
  return HasKeys() ? protector->FindClass(std::string_view(name)) : nullptr;
}

std::span<const PiiClass> CustomClasses() {
  return HasKeys() ? protector->custom_classes() : std::span<const PiiClass>();
}

uint16_t SealPrimary() { return protector != nullptr ? protector->seal_primary() : 0; }

KeyringCopy CopyKeyring() {
  if (state == nullptr) ReportNotPreloaded();
  KeyringCopy copy{};
  auto* keys = static_cast<KeyTable*>(palloc0(sizeof(KeyTable)));
  auto* last_used = static_cast<int64_t*>(palloc0(sizeof(int64_t) * KeyTable::kMaxKeys));
  LWLockAcquire(lock, LW_SHARED);
  copy.last_error = state->last_error;
  if (const KeyTable* table = memory->table()) {
    copy.loaded_at = memory->loaded_at;
    keys->domain_count = table->domain_count;
    keys->key_count = table->key_count;
    for (uint32_t d = 0; d < table->domain_count; ++d) {
      memcpy(&keys->domains[d], &table->domains[d], offsetof(KeyTable::DomainEntry, hash_key));
    }
    for (uint32_t k = 0; k < table->key_count; ++k) {
      memcpy(static_cast<void*>(&keys->keys[k]), &table->keys[k], offsetof(KeyTable::Key, material));
      last_used[k] = static_cast<int64_t>(pg_atomic_read_u64(&state->last_used[k]));
    }
  }
  LWLockRelease(lock);
  copy.table = keys;
  copy.last_used = last_used;
  return copy;
}

bool LoadKeyring(bool (*is_cancelled)(), KeyringLoad* load) {
  if (state == nullptr) ReportNotPreloaded();
  uint64 reading = pg_atomic_fetch_add_u64(&state->next_reading, 1);
  Size size = sizeof(KeyTable);
  auto* fresh = static_cast<KeyTable*>(MemoryContextAllocZero(TopMemoryContext, size));
  memset(static_cast<void*>(load), 0, sizeof *load);
  // This process holds texts and keys, where nothing keeps them out of a core file. Children of the
  // postmaster begin as it does.
  int was_dumpable = prctl(PR_GET_DUMPABLE);
  if (!settings.core_dumps) prctl(PR_SET_DUMPABLE, 0);
  bool good = LoadKeyTable(fresh, &load->problem, is_cancelled);
  LWLockAcquire(swap_lock, LW_EXCLUSIVE);
  const KeyTable* old = memory->table();
  if (good && old != nullptr) good = KeepsHashKeys(*old, *fresh, &load->problem);
  // What was read before a keyring that is loaded by now is older than that.
  if (good && reading > state->loaded_reading) {
    if (old != nullptr) FindLostKeys(*old, *fresh, load);
    SwapTables(*fresh, reading);
  }
  if (reading > state->last_reading) {
    LWLockAcquire(lock, LW_EXCLUSIVE);
    state->last_reading = reading;
    state->last_error = load->problem;
    LWLockRelease(lock);
  }
  load->is_locked = memory->table() == nullptr;
  LWLockRelease(swap_lock);
  load->keys = static_cast<int>(fresh->key_count);
  load->domains = static_cast<int>(fresh->domain_count);
  WipeTable(fresh);
  pfree(fresh);
  if (!IsUnderPostmaster) prctl(PR_SET_DUMPABLE, was_dumpable);
  if (good && IsUnderPostmaster) DiscardPlans();
  return good;
}

void LogLoad(const KeyringLoad& load, bool loaded) {
  if (!loaded) {
    ereport(LOG,
            (errcode(ERRCODE_CONFIG_FILE_ERROR),
             load.is_locked ? errmsg("pii: keyring refused, personal data is locked")
                            : errmsg("pii: keyring refused, the one that was loaded stays in use"),
             errdetail_internal("%s", load.problem.data),
             errhint("Correct it, then SELECT pii_reload_keyring(). \"pii-keyring verify\" checks a keyring "
                     "file.")));
    return;
  }
  ereport(LOG, (errmsg("pii: keyring loaded, keys: %d, domains: %d", load.keys, load.domains)));
}

}  // namespace pii
