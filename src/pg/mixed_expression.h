#pragma once

#include "pg.h"

namespace pii {

// Expressions of a plan over tables with adopted columns (mixed_plan.h).

/// Place is where expressions of a plan are: the statement, and the scan.
struct Place {
  PlannedStmt* plan;
  Oid table;
  Index table_index;    ///< of the range table
  List* index_columns;  ///< of an index-only scan; NIL for others
  bool is_condition;    ///< within a condition, where comparisons need no hash of the value
  bool is_compared;     ///< right below a comparison in a condition
};

/// SealExpressions returns a list of expressions, or an expression, in which adopted columns are sealed where
/// their form matters.
List* SealExpressions(const Place& place, List* expressions);
Node* SealExpression(const Place& place, Node* expression);

/// IsSealedType tells whether a type is pii_text, or a domain over it.
bool IsSealedType(uint32_t type);

/// AsksForState tells whether a node is a question about the form of what is stored, pii_is_sealed(value),
/// and ArgumentOf returns the value.
bool AsksForState(Node* node);
Node* ArgumentOf(Node* call);

/// CallsOwn tells whether the function that a node calls (FunctionOf; 0 for none) is one of this library that
/// takes values as they are stored.
Oid FunctionOf(Node* node);
bool CallsOwn(Node* node);

}  // namespace pii
