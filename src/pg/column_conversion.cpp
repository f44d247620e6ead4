// What changing the type of a column from and to pii_text has in common: what is in the way, and a lock that
// nobody has to wait behind.

#include "column_conversion.h"

#include "pg.h"
#include "subtransaction.h"

namespace pii {
namespace {

constexpr double kFirstPause = 0.01;  ///< seconds
constexpr double kLongestPause = 1;
constexpr int kNamedObstacles = 20;

const char* TextField(uint64 row, int column) {
  return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

Oid OidField(uint64 row, int column) {
  bool is_null;
  return DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &is_null));
}

void Ask(const Conversion& conversion, const char* query) {
  NameData column;
  namestrcpy(&column, conversion.column);
  Oid types[] = {REGCLASSOID, NAMEOID, TEXTOID};
  bool has_class = conversion.pii_class != nullptr;
  Datum values[] = {ObjectIdGetDatum(conversion.table), NameGetDatum(&column),
                    has_class ? CStringGetTextDatum(conversion.pii_class) : Datum(0)};
  const char nulls[] = {' ', ' ', has_class ? ' ' : 'n', '\0'};
  if (SPI_execute_with_args(query, 3, types, values, nulls, false, 0) != SPI_OK_SELECT)
    elog(ERROR, "could not ask for the dependents of a column");
}

bool IsDropped(List* obstacles, const char* drop_statement) {
  ListCell* cell;
  foreach (cell, obstacles) {
    const char* other = static_cast<Obstacle*>(lfirst(cell))->drop_statement;
    if (drop_statement != nullptr && other != nullptr && strcmp(other, drop_statement) == 0) return true;
  }
  return false;
}

bool IsInTheWay(const Conversion& conversion, const Obstacle& obstacle) {
  if (strcmp(obstacle.kind, "comment") == 0) return false;
  if (conversion.rewrite && strcmp(obstacle.kind, "type") == 0) return false;
  return !conversion.replace || obstacle.drop_statement == nullptr;
}

/// Within a transaction there is no CONCURRENTLY, and no need for it.
const char* WithoutConcurrently(const char* statement) {
  constexpr char kWord[] = "INDEX CONCURRENTLY ";
  const char* found = strstr(statement, kWord);
  bool is_first = found != nullptr && static_cast<size_t>(found - statement) <= strlen("CREATE UNIQUE ");
  if (!is_first) return statement;
  return psprintf("%.*sINDEX %s", static_cast<int>(found - statement), statement, found + sizeof kWord - 1);
}

void ExecuteInTransaction(const char* statement) {
  bool is_comment = statement == nullptr || strncmp(statement, "--", 2) == 0;
  if (!is_comment) Execute(WithoutConcurrently(statement));
}

/// Where the rows of the tables and their children are: it changes when they are written anew.
List* FilesOf(List* columns) {
  List* files = NIL;
  ListCell* cell;
  foreach (cell, columns) {
    ListCell* member;
    foreach (member,
             find_all_inheritors(static_cast<ConvertedColumn*>(lfirst(cell))->table, NoLock, nullptr)) {
      Relation table = table_open(lfirst_oid(member), NoLock);
      files = lappend_oid(files, RelationFileOf(table));
      table_close(table, NoLock);
    }
  }
  return files;
}

/// Operators in the statements are found in the schemas of the extension and of the type, nothing in anybody
/// else's.
void Prepare(const Conversion& conversion, List* columns) {
  SetForSubtransaction("lock_timeout", psprintf("%dms", conversion.lock_timeout));
  SetForSubtransaction("search_path",
                       psprintf("pg_catalog, %s, %s, pg_temp", conversion.schema, conversion.type_schema));
  if (client_min_messages < WARNING) SetForSubtransaction("client_min_messages", "warning");  // "skipping"
  ListCell* cell;
  foreach (cell, columns) {
    Oid table = static_cast<ConvertedColumn*>(lfirst(cell))->table;
    Execute(psprintf("LOCK TABLE %s IN ACCESS EXCLUSIVE MODE", TableName(table)));
    RequireOwnedTable(table);
  }
}

bool IsPassing(int sqlstate) {
  return sqlstate == ERRCODE_LOCK_NOT_AVAILABLE || sqlstate == ERRCODE_T_R_DEADLOCK_DETECTED;
}

/// False when a lock was not to be had.
bool Attempt(const Conversion& conversion, List* columns, ConversionStep step, void* argument) {
  ErrorData* error = RunInSubtransaction([&] {
    Prepare(conversion, columns);
    step(conversion, columns, argument);
  });
  if (error != nullptr && !IsPassing(error->sqlerrcode)) ReThrowError(error);
  return error == nullptr;
}

/// Longer each time, and never in step with somebody else's.
void PauseAfter(int attempt) {
  double longest = kFirstPause * pow(2, Min(attempt, 10));
  double pause = Min(longest, kLongestPause) * (0.5 + pg_prng_double(&pg_global_prng_state));
  Oid type = FLOAT8OID;
  Datum seconds = Float8GetDatum(pause);
  if (SPI_execute_with_args("SELECT pg_catalog.pg_sleep($1)", 1, &type, &seconds, nullptr, false, 0) < 0)
    elog(ERROR, "could not wait");
}

}  // namespace

void RequireProcedure(FunctionCallInfo fcinfo, const char* name) {
  bool is_call = fcinfo->context != nullptr && IsA(fcinfo->context, CallContext);
  if (is_call && !reinterpret_cast<CallContext*>(fcinfo->context)->atomic) return;
  ereport(ERROR,
          (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
           errmsg("%s() lets go of its lock between two attempts, and cannot run in a transaction block or a "
                  "function",
                  name),
           errhint("Call it outside of BEGIN.")));
}

Conversion ReadConversion(FunctionCallInfo fcinfo, int first) {
  for (int i = 0; i < PG_NARGS(); ++i) {
    if (!PG_ARGISNULL(i) || (i >= 2 && i < first)) continue;
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("table, column, replace, rewrite, lock_timeout and attempts must not be null"),
                    errhint("Leave out what is to have its default.")));
  }
  Conversion conversion{};
  conversion.schema = quote_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)));
  conversion.table = PG_GETARG_OID(0);
  conversion.column = pstrdup(NameStr(*PG_GETARG_NAME(1)));
  conversion.replace = PG_GETARG_BOOL(first);
  conversion.rewrite = PG_GETARG_BOOL(first + 1);
  Interval* wait = PG_GETARG_INTERVAL_P(first + 2);
  conversion.attempts = PG_GETARG_INT32(first + 3);
  bool is_in_range = wait->month == 0 && wait->day == 0 && wait->time >= 1000 && wait->time <= USECS_PER_HOUR;
  if (!is_in_range || conversion.attempts < 1) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("lock_timeout must be a time from 1 ms to 1 hour, and attempts at least 1")));
  }
  conversion.lock_timeout = static_cast<int>(wait->time / 1000);
  return conversion;
}

void Execute(const char* statement) {
  if (SPI_execute(statement, false, 0) < 0) elog(ERROR, "could not run a statement of a conversion");
}

int64_t Count(const char* query) {
  if (SPI_execute(query, true, 1) != SPI_OK_SELECT || SPI_processed != 1) elog(ERROR, "could not count rows");
  bool is_null;
  return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
}

const char* TableName(uint32_t table) {
  return quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table));
}

void RequireOwnedTable(uint32_t table) {
  HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
  if (!HeapTupleIsValid(row)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", table)));
  }
  auto* relation = reinterpret_cast<Form_pg_class>(GETSTRUCT(row));
  char kind = relation->relkind;
  Oid owner = relation->relowner;
  ReleaseSysCache(row);
  if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE) {
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a table", get_rel_name(table)),
                    errhint("Name the table that holds the column.")));
  }
  if (!has_privs_of_role(GetUserId(), owner))
    aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(table));
}

List* FindColumns(const Conversion& conversion) {
  const char* linked =
      psprintf("SELECT relation, attribute FROM %s.pii_adoption_columns($1, $2)", conversion.schema);
  Ask(conversion, conversion.replace ? linked : "SELECT $1, $2");
  List* columns = NIL;
  for (uint64 i = 0; i < SPI_processed; ++i) {
    auto* column = static_cast<ConvertedColumn*>(palloc(sizeof(ConvertedColumn)));
    *column = {OidField(i, 1), TextField(i, 2)};
    columns = lappend(columns, column);
  }
  return columns;
}

const char* FindDependents(const Conversion& conversion) {
  Ask(conversion, psprintf("SELECT pg_catalog.concat(pg_catalog.string_agg(d::text, ',' ORDER BY d::text)) "
                           "FROM %s.pii_adoption_dependents($1, $2) AS d WHERE $3 IS NULL OR true",
                           conversion.schema));
  return TextField(0, 1);
}

List* FindObstacles(const Conversion& conversion) {
  const char* columns = conversion.replace ? psprintf("%s.pii_adoption_columns($1, $2)", conversion.schema)
                                           : "(VALUES ($1, $2))";
  Ask(conversion,
      psprintf(
          "SELECT kind, object, drop_statement, create_statement FROM %s AS c(relation, attribute), "
          "%s.pii_adoption_obstacles(relation, attribute, $3) WITH ORDINALITY "
          "AS o(kind, object, reason, drop_statement, create_statement, place) "
          "WHERE kind OPERATOR(pg_catalog.<>) 'note' "
          "ORDER BY kind OPERATOR(pg_catalog.<>) 'comment', kind OPERATOR(pg_catalog.<>) 'foreign key', "
          "relation::pg_catalog.oid OPERATOR(pg_catalog.<>) $1::pg_catalog.oid, relation, attribute, place",
          columns, conversion.schema));
  List* obstacles = NIL;
  for (uint64 i = 0; i < SPI_processed; ++i) {
    if (IsDropped(obstacles, TextField(i, 3))) continue;  // two columns are in one view
    auto* obstacle = static_cast<Obstacle*>(palloc(sizeof(Obstacle)));
    *obstacle = {TextField(i, 1), TextField(i, 2), TextField(i, 3), TextField(i, 4)};
    obstacles = lappend(obstacles, obstacle);
  }
  return obstacles;
}

void RequireNoObstacles(const Conversion& conversion, List* obstacles) {
  StringInfoData names;
  initStringInfo(&names);
  int count = 0;
  ListCell* cell;
  foreach (cell, obstacles) {
    auto* obstacle = static_cast<Obstacle*>(lfirst(cell));
    if (!IsInTheWay(conversion, *obstacle) || ++count > kNamedObstacles) continue;
    appendStringInfo(&names, "%s%s %s", count > 1 ? ", " : "", obstacle->kind, obstacle->object);
  }
  if (count == 0) return;
  if (count > kNamedObstacles) appendStringInfo(&names, ", and %d more", count - kNamedObstacles);
  const char* pii_class = conversion.pii_class != nullptr ? quote_literal_cstr(conversion.pii_class) : "NULL";
  ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
                  errmsg("other objects stand in the way of column \"%s\" of relation \"%s\"",
                         conversion.column, get_rel_name(conversion.table)),
                  errdetail("%s.", names.data),
                  errhint("SELECT * FROM %s.pii_adoption_obstacles(%s, %s, %s) says why, and gives the "
                          "statements that drop them and make their counterparts; on a small table, "
                          "replace => true runs those.",
                          conversion.schema, quote_literal_cstr(TableName(conversion.table)),
                          quote_literal_cstr(conversion.column), pii_class)));
}

void ConvertColumns(const Conversion& conversion, List* columns,
                    void (*convert)(const Conversion&, const ConvertedColumn&, void*), void* context) {
  // Under the lock the long question is asked again only where the short one has another answer.
  bool is_known = !conversion.replace && strcmp(conversion.dependents, FindDependents(conversion)) == 0;
  List* obstacles = is_known ? NIL : FindObstacles(conversion);
  RequireNoObstacles(conversion, obstacles);
  ListCell* cell;
  foreach (cell, obstacles) ExecuteInTransaction(static_cast<Obstacle*>(lfirst(cell))->drop_statement);
  List* files = FilesOf(columns);
  foreach (cell, columns) convert(conversion, *static_cast<ConvertedColumn*>(lfirst(cell)), context);
  if (!conversion.rewrite && !equal(files, FilesOf(columns))) {
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("the table would be rewritten under its lock"),
             errhint("Leave it as it is, or say rewrite => true.")));
  }
  for (int i = list_length(obstacles) - 1; i >= 0; --i)
    ExecuteInTransaction(static_cast<Obstacle*>(list_nth(obstacles, i))->create_statement);
}

void ConvertUnderLock(const Conversion& conversion, List* columns, ConversionStep step, void* context) {
  SPI_commit();  // a lock that is held already could be in the way of others
  for (int attempt = 0; attempt < conversion.attempts; ++attempt) {
    if (attempt > 0) PauseAfter(attempt - 1);
    bool is_done = Attempt(conversion, columns, step, context);
    SPI_commit();
    if (is_done) return;
  }
  ereport(
      ERROR,
      (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
       errmsg("could not lock relation \"%s\" within %d ms in %d attempts", get_rel_name(conversion.table),
              conversion.lock_timeout, conversion.attempts),
       errhint("Nothing has changed. See pg_locks for who holds it for long, and call again, with a longer "
               "lock_timeout or more attempts.")));
}

}  // namespace pii
