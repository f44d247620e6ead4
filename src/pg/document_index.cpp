#include "document_index.h"

#include "own_function.h"
#include "pg.h"
#include "pii_class.h"
#include "privileges.h"
#include "shared_keys.h"

namespace pii {
namespace {

bool IsCallOfAny(Node* expression, std::initializer_list<const char*> symbols) {
  if (expression == nullptr || !IsA(expression, FuncExpr)) return false;
  Oid function = reinterpret_cast<FuncExpr*>(expression)->funcid;
  for (const char* symbol : symbols) {
    if (IsOwnFunction(function, symbol)) return true;
  }
  return false;
}

}  // namespace

const Const* ConstantArgument(Node* call, int argument) {
  if (call == nullptr || !IsA(call, FuncExpr)) return nullptr;
  List* arguments = reinterpret_cast<FuncExpr*>(call)->args;
  if (argument >= list_length(arguments)) return nullptr;
  auto* node = static_cast<Node*>(list_nth(arguments, argument));
  if (!IsA(node, Const) || reinterpret_cast<Const*>(node)->constisnull) return nullptr;
  return reinterpret_cast<Const*>(node);
}

bool IsDocumentIndex(Node* expression) {
  return IsCallOfAny(expression, {"pii_json_blind_index", "pii_json_index"});
}

int32_t ClassOfDocumentIndex(Node* expression) {
  const Const* name = ConstantArgument(expression, 2);
  const PiiClass* pii_class = name == nullptr ? nullptr : FindClass(TextDatumGetCString(name->constvalue));
  return pii_class == nullptr ? kEveryClass : pii_class->id;
}

bool OpensDocument(Node* expression) {
  return IsCallOfAny(expression, {"pii_reveal_json", "pii_mask_json", "pii_show_json"});
}

}  // namespace pii
