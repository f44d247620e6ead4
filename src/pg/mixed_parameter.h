#pragma once

struct Node;
struct Plan;
struct Query;

namespace pii {

/// SealedForm returns an expression that gives a value of type pii_text, or a domain over it, in sealed form.
/// `is_padded`: it was character(n).
Node* SealedForm(Node* value, int class_id, bool is_padded);

/// SealWhatIsGiven changes the results of a plan node: parameters that hold plaintext of an adopted column,
/// such as OLD.ssn or OLD in a trigger, are sealed. Those do not come by a scan.
void SealWhatIsGiven(Plan* node);

/// The same before a query is planned: with the values at hand PostgreSQL computes what it can then, an array
/// of OLD.ssn or hstore(OLD), and nobody would know what is in it.
void SealWhatIsGiven(Query* query);

}  // namespace pii
