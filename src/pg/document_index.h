#pragma once

#include <cstdint>

struct Const;
struct Node;

namespace pii {

/// ConstantArgument returns an argument of a function call that is a constant and not NULL; null for any
/// other expression, and for none.
const Const* ConstantArgument(Node* call, int argument);

/// IsDocumentIndex tells whether an expression is a call of pii_blind_index(jsonb, path, class) or
/// pii_json_index(jsonb, path, class).
bool IsDocumentIndex(Node* expression);

/// ClassOfDocumentIndex returns the class in such a call; kEveryClass when it is no constant, or there is no
/// such class.
int32_t ClassOfDocumentIndex(Node* expression);

/// OpensDocument tells whether an expression is a call that shows what is sealed in documents.
bool OpensDocument(Node* expression);

}  // namespace pii
