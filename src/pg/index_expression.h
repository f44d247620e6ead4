#pragma once

#include <cstdint>

#include "pii_class.h"

struct List;
struct Node;
struct RelationData;

namespace pii {

// What indexes and generated columns are made of.

/// KeyExpression returns the expression of a key of an index, counted from 0; null for a plain column. What
/// PostgreSQL evaluates for it once, it evaluates as the owner of the table.
Node* KeyExpression(RelationData* index, int key);

/// StoredKeyExpression is KeyExpression without anything evaluated: for who looks at the indexes of
/// everybody.
Node* StoredKeyExpression(RelationData* index, int key);

/// IndexPredicate returns the conditions that rows of an index fulfil, in the same way.
List* IndexPredicate(RelationData* index);

/// GenerationExpression returns the expression of a stored generated column; null for other columns.
Node* GenerationExpression(RelationData* table, int16_t attribute);

/// StripRelabel returns what is relabelled, for domains: the same bits by another type.
Node* StripRelabel(Node* expression);

/// SourceColumn returns the number of the column in pii_blind_index(column [, 'transform']) or
/// pii_word_index(column), and its transform; 0 for any other expression, and for none.
int16_t SourceColumn(Node* expression, Transform* transform);

/// PinnedVersion returns the version in pii_blind_index(column, 'transform', version); 0 for any other
/// expression.
uint16_t PinnedVersion(Node* expression);

/// SourceOfEquality returns the column that an index key serves equality of, pii_blind_index(column); 0 for
/// any other expression. One that is pinned to a version serves none: it would find nothing once the version
/// is disabled.
int16_t SourceOfEquality(Node* expression);

/// HasBlindIndex tells whether a column has an index that serves equality; `of_all_rows`: one that every row
/// goes into.
bool HasBlindIndex(uint32_t table, int16_t column, bool of_all_rows);

}  // namespace pii
