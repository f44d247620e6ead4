#pragma once

struct FunctionCallInfoBaseData;
struct PlannedStmt;
struct Query;

namespace pii {

// An adopted column holds plaintext next to sealed values. The plaintext carries no class: output would mask
// it as
// ****, and hashes would not agree with those of sealed values. So a statement that reads such a column seals
// what is not sealed where the rows come in, and behaves as it will when all of them are.

/// SealWhatIsRead changes a plan: scans of tables with adopted columns give sealed values alone. Functions of
/// this library that are called right there, such as pii_is_sealed(column), still see what is stored.
/// Those asked above a scan make the whole statement read what is stored, where it gives and writes no
/// values, and `may_read_stored`.
void SealWhatIsRead(PlannedStmt* plan, bool may_read_stored);

/// SealParameters changes a query before it is planned: what functions hand to it, such as OLD.ssn in a
/// trigger, is sealed where it gives values.
void SealParameters(Query* query);

/// MayReadStored tells, before a query is planned, whether it calls no functions but PostgreSQL's and this
/// library's.
bool MayReadStored(Query* query);

/// ReadStored makes the statement with this text read what is stored, the next time that it is planned; null:
/// none. The text must live until then.
void ReadStored(const char* text);

/// TakeReadStored tells whether a statement that is about to be planned is that one, and forgets it.
bool TakeReadStored(const char* text);

/// WithoutPlaintext returns COPY table TO as COPY (SELECT …) TO when a column of the table is adopted, else
/// the statement as it is.
PlannedStmt* WithoutPlaintext(PlannedStmt* statement);

/// IsPlannedCall tells whether SealWhatIsRead made a call of pii_shown(). Nothing that somebody writes makes
/// one like it.
bool IsPlannedCall(FunctionCallInfoBaseData* fcinfo);

}  // namespace pii
