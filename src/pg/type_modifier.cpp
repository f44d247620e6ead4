#include "type_modifier.h"

#include "pg.h"
#include "pii_class.h"
#include "shared_keys.h"

namespace pii {
namespace {

/// The names of all classes, for a hint.
const char* ClassNames() {
  StringInfoData names;
  initStringInfo(&names);
  for (const PiiClass& builtin : BuiltinClasses()) {
    appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", builtin.name_text);
  }
  for (const PiiClass& custom : CustomClasses()) appendStringInfo(&names, ", %s", custom.name_text);
  return names.data;
}

/// A class by number, as type output writes one that the keyring does not declare (yet).
bool ParseClassId(const char* text, uint16_t* id) {
  uint32_t number = 0;
  if (*text == '\0' || strlen(text) > 5) return false;
  for (; *text != '\0'; ++text) {
    if (*text < '0' || *text > '9') return false;
    number = number * 10 + static_cast<uint32_t>(*text - '0');
  }
  *id = static_cast<uint16_t>(number);
  return number <= UINT16_MAX && (number >= kFirstCustomClass || number < BuiltinClasses().size());
}

/// What the arguments of a call declare does not change from row to row; finding it looks types up.
struct ClassMemo {
  static constexpr int kArguments = 2;

  const Node* call;
  bool is_known[kArguments];
  int32 classes[kArguments];
};

int32 FindDeclaredClass(Node* call, int argument) {
  List* arguments = NIL;
  if (IsA(call, FuncExpr)) arguments = reinterpret_cast<FuncExpr*>(call)->args;
  // IS DISTINCT FROM and NULLIF are an OpExpr by another tag.
  if (IsA(call, OpExpr) || IsA(call, DistinctExpr) || IsA(call, NullIfExpr))
    arguments = reinterpret_cast<OpExpr*>(call)->args;
  if (IsA(call, ScalarArrayOpExpr)) {
    arguments = reinterpret_cast<ScalarArrayOpExpr*>(call)->args;
    argument = 0;  // of the column, whichever side a hash table calls with
  }
  if (argument >= list_length(arguments)) return kNoClass;
  int32 type_modifier = DeclaredModifier(static_cast<Node*>(list_nth(arguments, argument)));
  return type_modifier < 0 ? kNoClass : CheckTypeModifier(type_modifier);
}

}  // namespace

uint16_t CheckTypeModifier(int32_t type_modifier) {
  if (type_modifier < 0 || type_modifier > UINT16_MAX) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid type modifier"),
                    errdetail("The type modifier of pii_text is the id of a class, from 0 to 65535.")));
  }
  return static_cast<uint16_t>(type_modifier);
}

uint16_t RequireClassByName(const char* name) {
  const PiiClass* pii_class = FindClass(name);
  if (pii_class == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("class does not exist"),
                    errhint("The classes are: %s.", ClassNames())));
  }
  return pii_class->id;
}

int32_t DeclaredModifier(Node* expression) {
  // A relabelled varchar(20) has a modifier that is no class.
  while (IsA(expression, RelabelType) && exprTypmod(expression) < 0) {
    auto* inner = reinterpret_cast<Node*>(reinterpret_cast<RelabelType*>(expression)->arg);
    if (getBaseType(exprType(inner)) != exprType(expression)) return kNoClass;
    expression = inner;
  }
  int32 modifier = exprTypmod(expression);
  getBaseTypeAndTypmod(exprType(expression), &modifier);
  return modifier;
}

int32_t DeclaredClass(FunctionCallInfo fcinfo, int argument) {
  Node* call = fcinfo->flinfo != nullptr ? fcinfo->flinfo->fn_expr : nullptr;
  if (call == nullptr) return kNoClass;
  if (argument >= ClassMemo::kArguments) return FindDeclaredClass(call, argument);
  auto* memo = static_cast<ClassMemo*>(fcinfo->flinfo->fn_extra);
  if (memo == nullptr || memo->call != call) {
    memo = static_cast<ClassMemo*>(MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(ClassMemo)));
    memo->call = call;
    fcinfo->flinfo->fn_extra = memo;
  }
  if (!memo->is_known[argument]) memo->classes[argument] = FindDeclaredClass(call, argument);
  memo->is_known[argument] = true;
  return memo->classes[argument];
}

uint16_t ArgumentClass(FunctionCallInfo fcinfo, int argument) {
  int32 declared = DeclaredClass(fcinfo, argument);
  return declared == kNoClass ? kTextClass : static_cast<uint16_t>(declared);
}

}  // namespace pii

PII_FUNCTION(pii_text_typmod_in) {
  int count;
  Datum* elements;
  deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), CSTRINGOID, -2, false, TYPALIGN_CHAR, &elements, nullptr,
                    &count);
  if (count != 1) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("pii_text takes one class"),
                    errhint("Write, for example, pii_text(ssn).")));
  }
  const char* name = DatumGetCString(elements[0]);
  uint16_t id;
  if (!pii::ParseClassId(name, &id)) id = pii::RequireClassByName(name);
  PG_RETURN_INT32(id);
}

PII_FUNCTION(pii_text_typmod_out) {
  uint16_t id = pii::CheckTypeModifier(PG_GETARG_INT32(0));
  const pii::PiiClass* pii_class = pii::FindClass(id);
  if (pii_class == nullptr) PG_RETURN_CSTRING(psprintf("(%u)", id));
  PG_RETURN_CSTRING(psprintf("(%s)", quote_identifier(pii_class->name_text)));
}
