#pragma once

#include <cstdint>

struct Node;
struct List;

namespace pii {

// ALTER TABLE … ALTER COLUMN … TYPE pii_text(ssn) USING ssn::pii_unsealed::pii_text converts a column without
// rewriting it: its plaintext stays where it is (adoption). Everywhere else, and where this ALTER TABLE does
// more than change types, the same casts seal.

/// AlterScope is an ALTER TABLE that is running.
struct AlterScope {
  const Node* command;  ///< null: no ALTER TABLE
  bool may_relabel;     ///< it changes types alone
  int depth;            ///< of statements within statements
  bool converts;        ///< it gives a column another type
  List* relabelled;     ///< attribute numbers
  bool is_padded;       ///< the column was character(n)
};

/// EnterAlter makes a utility command, which runs at a depth, the current one, and returns the one to go back
/// to.
AlterScope EnterAlter(Node* command, int depth);
void LeaveAlter(const AlterScope& outer);

/// ConvertsColumns says whether an ALTER TABLE is running that gives a column another type: it stores what
/// its expressions give in place of the values.
bool ConvertsColumns();

/// RecordAlter writes down what the current ALTER TABLE has adopted, when it is done, and refuses one that
/// has copied plaintext into a sealed column.
void RecordAlter();

/// BeginRelease lets the next ALTER TABLE of this subtransaction at most, `… TYPE text USING
/// pii_reveal(column)`, take stored plaintext as it is. The caller has made sure, under a lock that keeps
/// writers out, that no value of the column is sealed.
void BeginRelease(uint32_t table, const char* column);
void EndRelease();

}  // namespace pii
