// pii_reload_keyring() and SIGHUP: the keyring is read again, and what it took away is told.

#include "keyring_reload.h"

#include "acting_role.h"
#include "document_index.h"
#include "index_expression.h"
#include "own_function.h"
#include "pg.h"
#include "settings.h"
#include "shared_keys.h"
#include "subtransaction.h"
#include "sweep_target.h"

namespace pii {
namespace {

using LostKey = KeyringLoad::LostKey;

/// How long columns are searched for values of keys that are gone. The new keys are in use by then.
constexpr int kSearchMilliseconds = 2000;
constexpr long kRowsPerFetch = 10000;

bool IsCancelPending() { return QueryCancelPending || ProcDiePending; }

/// What a search for values of lost keys is after, and what it found.
struct Search {
  const KeyringLoad* load;
  const char* found_in[KeyringLoad::kNamed];  ///< a column or index for each lost key; null: none so far
  TimestampTz deadline;
  Oid schema;    ///< of the extension
  bool is_over;  ///< not everything was looked at
  MemoryContext memory;
};

int Named(const KeyringLoad& load) { return Min(load.lost_count, KeyringLoad::kNamed); }

bool IsOfThisDatabase(const LostKey& key) { return strcmp(key.domain, settings.domain) == 0; }

/// Is there still a lost key of this purpose to look for?
bool WantsMore(const Search& search, Purpose purpose) {
  for (int i = 0; i < Named(*search.load); ++i) {
    const LostKey& key = search.load->lost[i];
    if (IsOfThisDatabase(key) && key.purpose == purpose && search.found_in[i] == nullptr) return true;
  }
  return false;
}

void NoteVersion(Search* search, Purpose purpose, int version, const char* column) {
  for (int i = 0; i < Named(*search->load); ++i) {
    const LostKey& key = search->load->lost[i];
    if (IsOfThisDatabase(key) && key.purpose == purpose && key.version == version &&
        search->found_in[i] == nullptr) {
      search->found_in[i] = column;
    }
  }
}

bool MayUseSchema(Oid role, Oid schema) {
  return pg_namespace_aclcheck(schema, role, ACL_USAGE) == ACLCHECK_OK;
}

/// Reads the key versions of a column until everything is found or the time is up. `shown`: its table.
void SearchColumn(Search* search, const char* shown, const char* column, Purpose purpose, Oid table_oid) {
  Oid reader = ReaderOf(table_oid);
  if (!OidIsValid(reader) || !MayUseSchema(reader, search->schema)) {
    search->is_over = true;
    return;
  }
  ActingRole caller = ReadAs(reader);
  // Its whole name: in the search_path of another role the same name may be another table.
  const char* table =
      quote_qualified_identifier(get_namespace_name(get_rel_namespace(table_oid)), get_rel_name(table_oid));
  const char* query = psprintf("SELECT %s.pii_key_version(%s) FROM ONLY %s WHERE %s IS NOT NULL",
                               quote_identifier(get_namespace_name(search->schema)), column, table, column);
  const char* name = MemoryContextStrdup(search->memory, psprintf("column %s.%s", shown, column));
  Portal portal = SPI_cursor_open_with_args(nullptr, query, 0, nullptr, nullptr, nullptr, true, 0);
  while (WantsMore(*search, purpose)) {
    SPI_cursor_fetch(portal, true, kRowsPerFetch);
    if (SPI_processed == 0) break;
    for (uint64 i = 0; i < SPI_processed; ++i) {
      bool is_null;
      Datum version = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null);
      if (!is_null) NoteVersion(search, purpose, DatumGetInt32(version), name);
    }
    SPI_freetuptable(SPI_tuptable);
    if (GetCurrentTimestamp() <= search->deadline) continue;
    search->is_over = true;
    break;
  }
  SPI_cursor_close(portal);
  ActAsBefore(caller);
}

/// A table that somebody holds is not waited for. The lock stays until the end of the transaction.
bool LockTable(Search* search, Oid table) {
  if (ConditionalLockRelationOid(table, AccessShareLock)) return true;
  search->is_over = true;
  return false;
}

/// Looks through the columns of this database that the caller may read.
void SearchColumns(Search* search) {
  constexpr const char* kColumns =
      "SELECT a.attrelid::pg_catalog.regclass::text, pg_catalog.quote_ident(a.attname), a.atttypid, c.oid "
      "FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c "
      "ON c.oid OPERATOR(pg_catalog.=) a.attrelid "
      "WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'm']::pg_catalog.\"char\"[]) "
      "AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped "
      "AND a.atttypid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid "
      "AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT') "
      "AND NOT pg_catalog.row_security_active(c.oid) "
      "AND NOT pg_catalog.pg_is_other_temp_schema(c.relnamespace)";
  if (SPI_execute(kColumns, true, 0) != SPI_OK_SELECT) elog(ERROR, "could not list columns");
  SPITupleTable* columns = SPI_tuptable;
  uint64 count = SPI_processed;
  for (uint64 i = 0; i < count && GetCurrentTimestamp() < search->deadline; ++i) {
    CHECK_FOR_INTERRUPTS();
    bool is_null;
    HeapTuple row = columns->vals[i];
    Oid type = DatumGetObjectId(SPI_getbinval(row, columns->tupdesc, 3, &is_null));
    bool is_value = IsOwnType(type, "pii_text_in");
    if (!is_value && !IsOwnType(type, "pii_blind_index_in")) continue;
    Oid table = DatumGetObjectId(SPI_getbinval(row, columns->tupdesc, 4, &is_null));
    if (!LockTable(search, table)) continue;
    SearchColumn(search, SPI_getvalue(row, columns->tupdesc, 1), SPI_getvalue(row, columns->tupdesc, 2),
                 is_value ? Purpose::kSeal : Purpose::kBlindIndex, table);
  }
}

/// An index that is pinned to a version needs it for every row that is written; one that is not may have
/// entries of it.
void SearchIndex(Search* search, Relation table, Relation index) {
  for (int i = 0; i < index->rd_index->indnkeyatts; ++i) {
    Transform transform = Transform::kExact;
    Node* expression = KeyExpression(index, i);
    if (SourceColumn(expression, &transform) <= 0 && !IsDocumentIndex(expression)) continue;
    const char* name =
        MemoryContextStrdup(search->memory, psprintf("index %s", RelationGetRelationName(index)));
    uint16_t pinned = PinnedVersion(expression);
    if (pinned != 0) NoteVersion(search, Purpose::kBlindIndex, pinned, name);
    bool is_ordered = i == 0 && transform != Transform::kWord && index->rd_rel->relam == BTREE_AM_OID &&
                      index->rd_rel->relkind == RELKIND_INDEX;
    for (int k = 0; pinned == 0 && is_ordered && k < Named(*search->load); ++k) {
      const LostKey& key = search->load->lost[k];
      bool counts = IsOfThisDatabase(key) && key.purpose == Purpose::kBlindIndex;
      if (counts && HasEntryOfVersion(table, index, key.version))
        NoteVersion(search, Purpose::kBlindIndex, key.version, name);
    }
  }
}

void SearchIndexes(Search* search) {
  constexpr const char* kIndexes =
      "SELECT indexrelid, indrelid FROM pg_catalog.pg_index WHERE indexprs IS NOT NULL AND indisvalid "
      "AND indexrelid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid";
  if (SPI_execute(kIndexes, true, 0) != SPI_OK_SELECT) elog(ERROR, "could not list indexes");
  SPITupleTable* indexes = SPI_tuptable;
  uint64 count = SPI_processed;
  PushActiveSnapshot(GetTransactionSnapshot());
  for (uint64 i = 0; i < count && WantsMore(*search, Purpose::kBlindIndex); ++i) {
    CHECK_FOR_INTERRUPTS();
    bool is_null;
    Oid index_oid = DatumGetObjectId(SPI_getbinval(indexes->vals[i], indexes->tupdesc, 1, &is_null));
    Oid table_oid = DatumGetObjectId(SPI_getbinval(indexes->vals[i], indexes->tupdesc, 2, &is_null));
    if (!LockTable(search, table_oid) || !LockTable(search, index_oid)) continue;
    Relation table = try_relation_open(table_oid, NoLock);
    Relation index = table != nullptr ? try_relation_open(index_oid, NoLock) : nullptr;
    if (index != nullptr && !RELATION_IS_OTHER_TEMP(table)) SearchIndex(search, table, index);
    if (index != nullptr) relation_close(index, NoLock);
    if (table != nullptr) relation_close(table, NoLock);
  }
  PopActiveSnapshot();
}

/// The keys are in use by now: what goes wrong from here on, but for a cancel, is no failure of the reload.
void TrySearch(Search* search) {
  ErrorData* error = RunInSubtransaction([&] {
    SPI_connect();
    SearchIndexes(search);
    SearchColumns(search);
    SPI_finish();
  });
  if (error == nullptr) return;
  search->is_over = true;
  if (error->sqlerrcode == ERRCODE_QUERY_CANCELED) ReThrowError(error);
}

const char* Name(const LostKey& key) {
  return psprintf("%s key version %u of domain \"%s\"", PurposeName(key.purpose), key.version, key.domain);
}

const char* LastUse(const LostKey& key) {
  return key.last_used == 0 ? "No process has used it since the server started."
                            : psprintf("It was last used at %s or later.", timestamptz_to_str(key.last_used));
}

/// Says of each key that is gone whether something still needs it.
void TellLostKeys(const Search& search) {
  for (int i = 0; i < Named(*search.load); ++i) {
    const LostKey& key = search.load->lost[i];
    if (search.found_in[i] != nullptr) {
      ereport(WARNING,
              (errmsg("%s %s, and %s still needs it", Name(key), key.reason, search.found_in[i]),
               errhint("Bring the version back as it was (pii-keyring enable) and reload. CALL "
                       "pii_rewrap_column() moves values to the primary version. A guard can be dropped.")));
    } else if (!IsOfThisDatabase(key) || search.is_over) {
      ereport(WARNING, (errmsg("%s %s", Name(key), key.reason), errdetail("%s", LastUse(key)),
                        errhint("Not everything was looked at. pii_column_status() counts what needs it, in "
                                "each database.")));
    } else {
      ereport(NOTICE, (errmsg("%s %s; no column of this database that you may read needs it", Name(key),
                              key.reason)));
    }
  }
  if (search.load->lost_count > KeyringLoad::kNamed) {
    ereport(WARNING, (errmsg("%d more key versions cannot be used any more",
                             search.load->lost_count - KeyringLoad::kNamed)));
  }
}

}  // namespace

void ReloadAfterSighup(bool (*is_cancelled)()) {
  KeyringLoad load;
  bool loaded = LoadKeyring(is_cancelled, &load);
  LogLoad(load, loaded);
  for (int i = 0; i < Named(load); ++i) {
    const LostKey& key = load.lost[i];
    ereport(LOG, (errmsg("pii: %s %s", Name(key), key.reason), errdetail("%s", LastUse(key)),
                  errhint("pii_column_status() counts what needs it, in each database.")));
  }
}

}  // namespace pii

/// pii_reload_keyring() → void
PII_FUNCTION(pii_reload_keyring) {
  pii::KeyringLoad load;
  bool loaded = pii::LoadKeyring(pii::IsCancelPending, &load);
  CHECK_FOR_INTERRUPTS();
  pii::LogLoad(load, loaded);
  if (!loaded) {
    ereport(ERROR, (errcode(ERRCODE_CONFIG_FILE_ERROR),
                    load.is_locked ? errmsg("keyring refused, personal data is locked")
                                   : errmsg("keyring refused, the one that was loaded stays in use"),
                    errdetail_internal("%s", load.problem.data),
                    errhint("Correct it and reload again. \"pii-keyring verify\" checks a keyring file.")));
  }
  if (load.lost_count == 0) PG_RETURN_VOID();
  pii::Search search{};
  search.load = &load;
  search.memory = CurrentMemoryContext;
  search.deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pii::kSearchMilliseconds);
  search.schema = get_func_namespace(fcinfo->flinfo->fn_oid);
  pii::TrySearch(&search);
  pii::TellLostKeys(search);
  PG_RETURN_VOID();
}
