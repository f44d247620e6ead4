// What PostgreSQL's planner would not ask the extension about is written in another way before planning,
// where an index may serve it:
//
//   ssn = ANY (array)           becomes pii_text_eq_any(ssn, array), because only functions have support
//   functions ssn = $1::pii_text(ssn)     becomes ssn = $1

#include "condition_rewrite.h"

#include "log_guard.h"
#include "mixed_plan.h"
#include "own_function.h"
#include "pg.h"
#include "pii_class.h"
#include "type_modifier.h"

namespace pii {
namespace {

planner_hook_type next_planner;

bool IsEqualsAny(Node* node) {
  if (!IsA(node, ScalarArrayOpExpr)) return false;
  auto* any = reinterpret_cast<ScalarArrayOpExpr*>(node);
  if (!any->useOr || any->opno < FirstNormalObjectId || !IsEquality(get_opcode(any->opno))) return false;
  Oid left;
  Oid right;
  op_input_types(any->opno, &left, &right);
  return left != TEXTOID;
}

bool IsComparison(Node* node) {
  if (!IsA(node, OpExpr)) return false;
  Oid operation = reinterpret_cast<OpExpr*>(node)->opno;
  return operation >= FirstNormalObjectId && IsEquality(get_opcode(operation));
}

bool HasConditions(Node* node, void*) {
  if (node == nullptr) return false;
  if (IsEqualsAny(node) || IsComparison(node)) return true;
  if (IsA(node, Query)) return WalkQuery(reinterpret_cast<Query*>(node), HasConditions);
  return WalkExpression(node, HasConditions, nullptr);
}

Node* WrapEqualsAny(ScalarArrayOpExpr* any) {
  Oid left;
  Oid right;
  op_input_types(any->opno, &left, &right);
  Oid function = FindFunction(get_func_namespace(get_opcode(any->opno)), "pii_text_eq_any",
                              {left, get_array_type(right)});
  return reinterpret_cast<Node*>(
      makeFuncExpr(function, BOOLOID, any->args, InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL));
}

/// The value in a cast to the class that the other side has anyway, `ssn = $1::pii_text(ssn)`, when it is a
/// literal or a parameter, which take that class unasked; else the side as it is. The cast seals, so it is
/// VOLATILE, and no index takes a volatile condition.
Node* WithoutCast(Node* side, Node* other) {
  if (!IsA(side, FuncExpr)) return side;
  auto* cast = reinterpret_cast<FuncExpr*>(side);
  if (list_length(cast->args) < 2 || !IsOwnFunction(cast->funcid, "pii_text")) return side;
  auto* value = static_cast<Node*>(linitial(cast->args));
  auto* modifier = static_cast<Node*>(lsecond(cast->args));
  bool is_plain =
      IsA(value, Const) || (IsA(value, Param) && reinterpret_cast<Param*>(value)->paramkind == PARAM_EXTERN);
  if (!is_plain || !IsA(modifier, Const)) return side;
  int32 other_modifier = DeclaredModifier(other);
  bool same = DatumGetInt32(reinterpret_cast<Const*>(modifier)->constvalue) == other_modifier;
  return same && other_modifier > static_cast<int32>(kTextClass) ? value : side;
}

/// Rewrites the conditions that an index may serve: not inside NOT, CASE or a function, where it also matters
/// that NULL = ANY ('{}') is false and the function gives NULL.
Node* Rewrite(Node* condition) {
  if (condition == nullptr) return nullptr;
  bool is_list = IsA(condition, List);
  bool is_and_or = IsA(condition, BoolExpr) && reinterpret_cast<BoolExpr*>(condition)->boolop != NOT_EXPR;
  if (is_list || is_and_or) {
    List* conditions =
        is_list ? reinterpret_cast<List*>(condition) : reinterpret_cast<BoolExpr*>(condition)->args;
    ListCell* cell;
    foreach (cell, conditions) lfirst(cell) = Rewrite(static_cast<Node*>(lfirst(cell)));
    return condition;
  }
  if (IsComparison(condition)) {
    List* sides = reinterpret_cast<OpExpr*>(condition)->args;
    Node* left = static_cast<Node*>(linitial(sides));
    Node* right = static_cast<Node*>(lsecond(sides));
    linitial(sides) = WithoutCast(left, right);
    lsecond(sides) = WithoutCast(right, left);
    return condition;
  }
  return IsEqualsAny(condition) ? WrapEqualsAny(reinterpret_cast<ScalarArrayOpExpr*>(condition)) : condition;
}

/// A copy of the tree with its conditions rewritten.
Node* RewriteAll(Node* node, void*) {
  if (node == nullptr) return nullptr;
  if (IsA(node, Query)) {
    Query* query = MutateQuery(reinterpret_cast<Query*>(node), RewriteAll);
    ListCell* cell;
    foreach (cell, query->rtable) {
      auto* entry = static_cast<RangeTblEntry*>(lfirst(cell));
      entry->securityQuals = reinterpret_cast<List*>(Rewrite(reinterpret_cast<Node*>(entry->securityQuals)));
    }
    return reinterpret_cast<Node*>(query);
  }
  node = MutateExpression(node, RewriteAll);
  if (IsA(node, FromExpr)) {
    auto* from = reinterpret_cast<FromExpr*>(node);
    from->quals = Rewrite(from->quals);
  } else if (IsA(node, JoinExpr)) {
    auto* join = reinterpret_cast<JoinExpr*>(node);
    join->quals = Rewrite(join->quals);
  }
  return node;
}

PlannedStmt* Plan(Query* query, const char* text, int options, ParamListInfo parameters) {
  if (HasConditions(reinterpret_cast<Node*>(query), nullptr)) {
    query = reinterpret_cast<Query*>(RewriteAll(reinterpret_cast<Node*>(query), nullptr));
  }
  // Before planning, which calls functions of whoever wrote a policy, and those run statements.
  bool reads_stored = TakeReadStored(text);
  bool may_read_stored = MayReadStored(query);  // planning scribbles on it
  SealParameters(query);
  // PostgreSQL 15 uses the text of its own planner for nothing.
  PlannedStmt* plan = next_planner != nullptr
                          ? next_planner(query, CommandTextForOthers(text), options, parameters)
                          : standard_planner(query, text, options, parameters);
  if (!reads_stored) SealWhatIsRead(plan, may_read_stored);
  return plan;
}

}  // namespace

void InstallConditionRewrite() {
  next_planner = planner_hook;
  planner_hook = Plan;
}

}  // namespace pii
