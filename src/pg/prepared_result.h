#pragma once

struct ParseState;
struct Query;

namespace pii {

/// KeepPrepared lets a prepared statement live on when a column of its result, which was text, is pii_text
/// now: PostgreSQL would refuse it for ever ("cached plan must not change result type"), and an application
/// that keeps its connections open could not be adopted under. To a driver both types look alike, in text and
/// in binary format. Called when a statement was analysed, which is when PostgreSQL looks at a prepared one
/// anew.
void KeepPrepared(const ParseState* state, const Query* query);

}  // namespace pii
