#include "shared_keys.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstring>

#include "key_source.h"
#include "pg.h"
#include "report.h"
#include "settings.h"

namespace pii {
namespace {

constexpr char kLockTranche[] = "pii_keyring";

/// What all processes know of the keyring beside the keys themselves. In PostgreSQL's shared memory.
struct KeyringState {
  pg_atomic_uint64 generation;  ///< counts loads; a process that saw another number attaches anew
  bool loaded;                  ///< the key table holds keys
  TimestampTz loaded_at;
  CoreText last_error;  ///< empty after a load that succeeded
};

KeyringState* state;
LWLock* lock;  ///< guards the key table and the state, but for the generation

/// Root keys, in a mapping of their own instead of PostgreSQL's shared memory: that may consist of huge
/// pages, where a part can neither be kept out of core files nor be page aligned.
KeyTable* table;
TimestampTz table_loaded_at;  ///< in the postmaster; 0: no keys in the table

shmem_request_hook_type next_shmem_request;
shmem_startup_hook_type next_shmem_startup;

// This process's keys.
Protector* protector;
uint64 attached_generation;  ///< 0: not attached

bool IsSet(const char* setting) { return setting != nullptr && setting[0] != '\0'; }

void WipeTable(int, Datum) {
  if (mprotect(table, sizeof *table, PROT_READ | PROT_WRITE) == 0) {
    Wipe({reinterpret_cast<uint8_t*>(table), sizeof *table});
  }
}

/// Makes the mapping. Only the postmaster comes here, once; its children inherit it.
void MapTable() {
  void* memory = mmap(nullptr, sizeof(KeyTable), PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    ereport(FATAL, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not map memory for keys: %m")));
  }
  if (madvise(memory, sizeof(KeyTable), MADV_DONTDUMP) != 0) {
    ereport(FATAL, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not keep keys out of core files: %m")));
  }
  // mlock is not inherited by fork; the lock of the postmaster, which outlives its children, keeps the pages.
  if (mlock(memory, sizeof(KeyTable)) != 0) {
    ereport(WARNING,
            (errmsg("could not lock keys in memory, they may be swapped to disk: %m"),
             errhint("Allow the server's user to lock at least %zu kB (LimitMEMLOCK in its systemd unit).",
                     sizeof(KeyTable) / 1024 + 1)));
  }
  table = static_cast<KeyTable*>(memory);
  on_proc_exit(WipeTable, 0);
}

/// Puts new keys in place. The mapping is read-only but for this moment, so that a process gone wild damages
/// itself and not the keys.
void ReplaceTable(const KeyTable& fresh) {
  if (mprotect(table, sizeof *table, PROT_READ | PROT_WRITE) != 0) {
    ereport(PANIC, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not write keys to shared memory: %m")));
  }
  memcpy(static_cast<void*>(table), &fresh, sizeof fresh);
  mprotect(table, sizeof *table, PROT_READ);
}

/// IsInside, behind the wall. What cannot be told counts as inside.
bool LiesIn(const char* path, const char* directory) {
  bool inside = true;
  Status status = CallCore([&] {
    inside = IsInside(path, directory);
    return Status::kOk;
  });
  return status != Status::kOk || inside;
}

/// A backup of the data directory must not hold the keys to it. pg_wal and tablespaces are links to
/// elsewhere, and are backed up as well.
bool IsInsideCluster(const char* path) {
  if (LiesIn(path, DataDir)) return true;
  char directory[MAXPGPATH];
  snprintf(directory, sizeof directory, "%s/pg_wal", DataDir);
  if (LiesIn(path, directory)) return true;
  snprintf(directory, sizeof directory, "%s/pg_tblspc", DataDir);
  bool inside = false;
  DIR* tablespaces = AllocateDir(directory);
  while (struct dirent* entry = ReadDirExtended(tablespaces, directory, LOG)) {
    if (entry->d_name[0] == '.') continue;
    char tablespace[MAXPGPATH * 2];
    snprintf(tablespace, sizeof tablespace, "%s/%s", directory, entry->d_name);
    inside = inside || LiesIn(path, tablespace);
  }
  FreeDir(tablespaces);
  return inside;
}

/// Text and parsed keyring live and die in here, behind the wall.
Status ReadTable(KeyTable* fresh, CoreText* problem) {
  SecretString text;
  std::string what;
  const char* source;
  bool read;
  if (IsSet(settings.keyring_file)) {
    source = "pii.keyring_file: ";
    read = ReadKeyringFile(settings.keyring_file, geteuid(), &text, &what);
  } else {
    source = "pii.keyring_command: ";
    read = RunKeyringCommand(settings.keyring_command, settings.keyring_timeout, &text, &what);
  }
  Keyring keyring;
  if (read && ParseKeyring({text.data(), text.size()}, &keyring, &what) &&
      BuildKeyTable(keyring, fresh, &what)) {
    return Status::kOk;
  }
  what = source + what;
  SetText(problem, what.data(), what.size());
  return Status::kUnexpected;
}

/// Reads and checks a whole new key table; true when it is good, else the reason is in `*problem`.
bool ReadKeyring(KeyTable* fresh, CoreText* problem) {
  auto refuse = [problem](const char* why) {
    SetText(problem, why, strlen(why));
    return false;
  };
  bool has_file = IsSet(settings.keyring_file);
  if (has_file && IsSet(settings.keyring_command)) {
    return refuse("both pii.keyring_file and pii.keyring_command are set; set one");
  }
  if (!has_file && !IsSet(settings.keyring_command)) {
    return refuse("neither pii.keyring_file nor pii.keyring_command is set");
  }
  if (has_file && !is_absolute_path(settings.keyring_file)) {
    return refuse("pii.keyring_file: it must be an absolute path");
  }
  if (has_file && access(settings.keyring_file, F_OK) == 0 && IsInsideCluster(settings.keyring_file)) {
    return refuse(
        "pii.keyring_file: it lies inside the data directory, pg_wal or a tablespace, whose backups would "
        "hold the keys");
  }
  return CallCore([=] { return ReadTable(fresh, problem); }, problem) == Status::kOk;
}

/// Lets processes attach to what is in the table. The caller holds the lock.
void PublishTable() {
  state->loaded = true;
  state->loaded_at = table_loaded_at;
  pg_atomic_fetch_add_u64(&state->generation, 1);
}

/// Reads the keyring and, if all of it is good, swaps it in. If not, what was loaded stays.
void LoadKeyring() {
  Size size = sizeof(KeyTable);
  auto* fresh = static_cast<KeyTable*>(MemoryContextAllocZero(TopMemoryContext, size));
  CoreText problem;
  problem.data[0] = '\0';
  bool good = ReadKeyring(fresh, &problem);

  LWLockAcquire(lock, LW_EXCLUSIVE);
  state->last_error = problem;
  if (good) {
    ReplaceTable(*fresh);
    table_loaded_at = GetCurrentTimestamp();
    PublishTable();
  }
  LWLockRelease(lock);

  int domains = static_cast<int>(fresh->domain_count);
  int keys = static_cast<int>(fresh->key_count);
  Wipe({reinterpret_cast<uint8_t*>(fresh), size});
  pfree(fresh);
  if (good) {
    ereport(LOG, (errmsg("pii: keyring loaded, keys: %d, domains: %d", keys, domains)));
  } else {
    ereport(LOG,
            (errcode(ERRCODE_CONFIG_FILE_ERROR), errmsg("pii: keyring refused, personal data is locked"),
             errdetail_internal("%s", problem.data),
             errhint("Correct it and restart the server. \"pii-keyring verify\" checks a keyring file.")));
  }
}

void RequestSharedMemory() {
  if (next_shmem_request != nullptr) next_shmem_request();
  RequestAddinShmemSpace(MAXALIGN(sizeof(KeyringState)));
  RequestNamedLWLockTranche(kLockTranche, 1);
}

void StartSharedMemory() {
  if (next_shmem_startup != nullptr) next_shmem_startup();
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  bool found;
  state = static_cast<KeyringState*>(ShmemInitStruct("pii keyring", sizeof(KeyringState), &found));
  lock = &GetNamedLWLockTranche(kLockTranche)->lock;
  if (!found) {
    memset(static_cast<void*>(state), 0, sizeof *state);
    pg_atomic_init_u64(&state->generation, 0);
  }
  LWLockRelease(AddinShmemInitLock);
  if (found) return;
  if (table == nullptr) MapTable();
  // After a crash of a process PostgreSQL makes shared memory anew, but the key table is the postmaster's,
  // and read-only: the keys are still there. Reading them again would need a provider that may be down or
  // slow by now, with PostgreSQL 15 deaf to signals meanwhile, and could bring in another keyring unnoticed.
  if (table_loaded_at != 0) {
    LWLockAcquire(lock, LW_EXCLUSIVE);
    PublishTable();
    LWLockRelease(lock);
    ereport(LOG, (errmsg("pii: keys kept over the restart after a crash")));
  } else {
    LoadKeyring();
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
           errhint("Correct the keyring and restart the server. The server log says why it was refused.")));
}

/// Attaches this process to the keys that are loaded now. kKeyNotPrepared: none are.
Status Attach() {
  attached_generation = 0;
  if (protector == nullptr) {
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
  if (state->loaded) status = CallCore([] { return protector->Attach(*table, settings.domain); });
  LWLockRelease(lock);
  if (status == Status::kOk) attached_generation = generation;
  return status;
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
  if (IsAttached()) status = CallCore([=] { return current->Prepare(*table, current->missing()); });
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

void EmitKeyring(ReturnSetInfo* result) {
  if (state == nullptr) ReportNotPreloaded();
  constexpr int kColumns = 9;
  // A copy, so that the lock is not held while rows are made; without the material, which leaves the table
  // for nobody.
  auto* copy = static_cast<KeyTable*>(palloc0(sizeof(KeyTable)));
  LWLockAcquire(lock, LW_SHARED);
  KeyringState snapshot;
  memcpy(static_cast<void*>(&snapshot), state, sizeof snapshot);
  copy->domain_count = table->domain_count;
  for (uint32_t d = 0; d < table->domain_count; ++d) {
    memcpy(&copy->domains[d], &table->domains[d], offsetof(KeyTable::DomainEntry, hash_key));
  }
  for (uint32_t k = 0; k < table->key_count; ++k) {
    memcpy(static_cast<void*>(&copy->keys[k]), &table->keys[k], offsetof(KeyTable::Key, material));
  }
  LWLockRelease(lock);

  Datum last_error = CStringGetTextDatum(snapshot.last_error.data);
  bool no_error = snapshot.last_error.data[0] == '\0';
  if (!snapshot.loaded) {
    Datum values[kColumns] = {};
    bool nulls[kColumns];
    memset(nulls, true, sizeof nulls);
    values[kColumns - 1] = last_error;
    nulls[kColumns - 1] = no_error;
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
  }
  for (uint32_t d = 0; d < copy->domain_count; ++d) {
    const KeyTable::DomainEntry& domain = copy->domains[d];
    for (uint32_t k = domain.first_key; k < domain.first_key + domain.key_count; ++k) {
      const KeyTable::Key& key = copy->keys[k];
      char check_value[2 * sizeof(CheckValue) + 1];
      for (size_t i = 0; i < key.check_value.size(); ++i) {
        snprintf(check_value + 2 * i, 3, "%02x", key.check_value[i]);
      }
      bool destroyed = key.status == KeyStatus::kDestroyed;
      constexpr int64 kPostgresEpoch = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
      Datum values[kColumns] = {
          CStringGetTextDatum(domain.name),
          CStringGetTextDatum(key.purpose == Purpose::kSeal ? "seal" : "blind_index"),
          Int32GetDatum(key.version),
          CStringGetTextDatum(KeyStatusName(key.status).data()),
          BoolGetDatum(key.primary),
          TimestampTzGetDatum((key.created - kPostgresEpoch) * USECS_PER_SEC),
          CStringGetTextDatum(check_value),
          TimestampTzGetDatum(snapshot.loaded_at),
          last_error,
      };
      bool nulls[kColumns] = {false, false, false, false, false, false, destroyed, false, no_error};
      tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
  }
  pfree(copy);
}

}  // namespace pii
