#include "unread_column.h"

#include "own_function.h"
#include "pg.h"

namespace pii {
namespace {

bool IsScan(const Plan* node) {
  switch (nodeTag(node)) {
    case T_SeqScan:
    case T_SampleScan:
    case T_IndexScan:
    case T_BitmapHeapScan:
    case T_TidScan:
    case T_TidRangeScan:
      return true;
    default:
      return false;
  }
}

/// Adds the columns of one side, OUTER_VAR or INNER_VAR, that expressions read.
void AddRead(const void* expressions, Index side, Bitmapset** read) {
  pull_varattnos(reinterpret_cast<Node*>(const_cast<void*>(expressions)), side, read);
}

void AddNumbers(const AttrNumber* columns, int count, Bitmapset** read) {
  for (int i = 0; i < count; ++i)
    *read = bms_add_member(*read, columns[i] - FirstLowInvalidHeapAttributeNumber);
}

/// The columns of one side that a node reads. False for nodes that are not known.
bool FindRead(Plan* node, Index side, Bitmapset** read) {
  *read = nullptr;
  AddRead(node->targetlist, side, read);
  AddRead(node->qual, side, read);
  if (IsA(node, Agg)) {
    auto* aggregate = reinterpret_cast<Agg*>(node);
    AddNumbers(aggregate->grpColIdx, aggregate->numCols, read);
    return aggregate->chain == NIL;
  }
  if (IsA(node, HashJoin)) {
    AddRead(reinterpret_cast<HashJoin*>(node)->hashclauses, side, read);
    AddRead(reinterpret_cast<HashJoin*>(node)->hashkeys, side, read);
  } else if (IsA(node, MergeJoin)) {
    AddRead(reinterpret_cast<MergeJoin*>(node)->mergeclauses, side, read);
  } else if (IsA(node, NestLoop)) {
    ListCell* cell;
    foreach (cell, reinterpret_cast<NestLoop*>(node)->nestParams)
      AddRead(static_cast<NestLoopParam*>(lfirst(cell))->paramval, side, read);
  } else {
    return false;
  }
  AddRead(reinterpret_cast<Join*>(node)->joinqual, side, read);
  return true;
}

void DropUnreadOf(Plan* node, Plan* scan, Index side) {
  Bitmapset* read;
  if (scan == nullptr || !IsScan(scan) || !FindRead(node, side, &read)) return;
  ListCell* cell;
  foreach (cell, scan->targetlist) {
    auto* entry = static_cast<TargetEntry*>(lfirst(cell));
    if (!IsA(entry->expr, Var) || bms_is_member(entry->resno - FirstLowInvalidHeapAttributeNumber, read))
      continue;
    auto* var = reinterpret_cast<Var*>(entry->expr);
    if (!IsOwnType(var->vartype, "pii_text_in")) continue;
    entry->expr = reinterpret_cast<Expr*>(makeNullConst(var->vartype, var->vartypmod, var->varcollid));
  }
  bms_free(read);
}

}  // namespace

void DropUnread(Plan* node) {
  DropUnreadOf(node, node->lefttree, OUTER_VAR);
  DropUnreadOf(node, node->righttree, INNER_VAR);
}

}  // namespace pii
