#pragma once

#include <cstdint>

struct FunctionCallInfoBaseData;
struct List;

namespace pii {

/// Conversion is the change of a column's type, and how careful it is to be. Names and lists are palloc'ed
/// and outlive the transactions of the procedure.
struct Conversion {
  const char* schema;  ///< of the extension, quoted
  uint32_t table;
  const char* column;
  const char* pii_class;  ///< that the column is to have; null: none
  bool replace;           ///< drops what is in the way, and makes its counterparts
  bool rewrite;           ///< may rewrite the table
  int lock_timeout;       ///< milliseconds that an attempt waits for the lock, and others behind it
  int attempts;
  const char* type_schema;  ///< of the type that the column is to have, quoted
  const char* dependents;   ///< what FindDependents said before the obstacles were looked at
};

/// ConvertedColumn is one of the columns that are converted together.
struct ConvertedColumn {
  uint32_t table;
  const char* name;
};

/// Obstacle is a row of pii_adoption_obstacles().
struct Obstacle {
  const char* kind;
  const char* object;
  const char* drop_statement;    ///< null: no statement takes it away
  const char* create_statement;  ///< null: nothing takes its place
};

/// RequireOwnedTable raises an error unless the relation is a table of the current user's: 42P01, 42809,
/// 42501.
void RequireOwnedTable(uint32_t table);

/// FindColumns returns the column, and with `replace` also those that foreign keys tie to it (a List of
/// ConvertedColumn).
List* FindColumns(const Conversion& conversion);

/// FindDependents returns a text that is another one when something else depends on the column.
const char* FindDependents(const Conversion& conversion);

/// FindObstacles returns what is in the way of the columns, in the order to drop it (a List of Obstacle).
List* FindObstacles(const Conversion& conversion);

/// RequireNoObstacles raises 2BP01 for obstacles that are to stay, or that no statement takes away.
void RequireNoObstacles(const Conversion& conversion, List* obstacles);

/// RequireProcedure raises 25001 when a procedure that commits is called in a transaction block or a
/// function.
void RequireProcedure(FunctionCallInfoBaseData* fcinfo, const char* name);

/// ReadConversion reads the arguments that the procedures have in common: table and column, and from `first`
/// on replace, rewrite, lock_timeout and attempts. Raises 22004 or 22023 for what is null or out of range.
Conversion ReadConversion(FunctionCallInfoBaseData* fcinfo, int first);

/// Execute runs a statement by SPI.
void Execute(const char* statement);

/// Count runs a query by SPI that gives one number.
int64_t Count(const char* query);

/// TableName returns the qualified and quoted name of a table.
const char* TableName(uint32_t table);

/// ConversionStep does the work of one attempt, in a transaction that has the locks.
using ConversionStep = void (*)(const Conversion& conversion, List* columns, void* context);

/// ConvertUnderLock locks the tables, with their partitions and children, runs the step and commits. Where a
/// lock is not to be had in time it lets go and tries again after a pause. The caller is connected to SPI
/// with SPI_OPT_NONATOMIC. Raises 55P03 when all attempts failed, and what the step raises.
void ConvertUnderLock(const Conversion& conversion, List* columns, ConversionStep step, void* context);

/// ConvertColumns drops the obstacles, changes the types by `convert`, and makes the counterparts. Raises
/// 0A000 when it rewrote a table that it was not to rewrite. For a ConversionStep.
void ConvertColumns(const Conversion& conversion, List* columns,
                    void (*convert)(const Conversion& conversion, const ConvertedColumn& column,
                                    void* context),
                    void* context);

}  // namespace pii
