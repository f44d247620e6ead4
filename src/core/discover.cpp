#include "discover.h"

#include <algorithm>
#include <iterator>

#include "pii_class.h"
#include "shape.h"

namespace pii {
namespace {

constexpr double kNever = 2;

/// What makes a column one of a class.
struct Rule {
  uint16_t class_id;
  ValueForm form;
  double alone;          ///< share of values of the form that says it without a name
  int64_t alone_values;  ///< the fewest values that may do so: few could be chance
  bool is_checked;       ///< the form has check digits or their like; else columns of things are left out
  double with_name;      ///< share of the form that does not contradict the name
};

// Of numbers that are drawn at random, 89 % are social security numbers that could be issued, and 64 % phone
// numbers that could be dialled: 95 % of twenty or more are no chance.
constexpr Rule kRules[] = {
    {2, ValueForm::kEmail, 0.8, 3, true, 0.5},
    {6, ValueForm::kIban, 0.8, 2, true, 0.5},
    {5, ValueForm::kCard, 0.9, 5, true, 0.6},
    {4, ValueForm::kIssuedSsn, 0.95, 20, false, kNever},
    {4, ValueForm::kSsn, kNever, 0, false, 0.7},
    {3, ValueForm::kDialledPhone, 0.9, 5, false, kNever},
    {3, ValueForm::kGroupedPhone, 0.95, 20, false, kNever},
    {3, ValueForm::kPhone, kNever, 0, false, 0.7},
    {10, ValueForm::kHostIp, 0.95, 20, false, kNever},
    {10, ValueForm::kIp, kNever, 0, false, 0.8},
    {9, ValueForm::kDate, kNever, 0, false, 0.8},
    {11, ValueForm::kDocument, kNever, 0, false, 0.8},
    {13, ValueForm::kDocument, kNever, 0, false, 0.8},
    {12, ValueForm::kDocument, kNever, 0, false, 0.8},
    {7, ValueForm::kLongNumber, kNever, 0, false, 0.8},
    {14, ValueForm::kDistinctPostcode, 0.95, 20, false, kNever},
    {14, ValueForm::kPostcode, kNever, 0, false, 0.8},
    {1, ValueForm::kPersonName, kNever, 0, false, 0.8},
    {8, ValueForm::kStreet, 0.5, 10, false, kNever},
    {8, ValueForm::kAddress, kNever, 0, false, 0.8},
};

int64_t Matches(const ColumnSample& sample, ValueForm form) {
  return sample.with_form[static_cast<int>(form)];
}

bool ReachesShare(const ColumnSample& sample, ValueForm form, double share) {
  return static_cast<double>(Matches(sample, form)) >= share * static_cast<double>(sample.values);
}

/// Do the values say it, whatever the name is?
bool SayValues(const Rule& rule, const NameHint& hint, const ColumnSample& sample) {
  bool may_tell = rule.is_checked || !hint.is_of_thing;
  return may_tell && sample.values >= rule.alone_values && ReachesShare(sample, rule.form, rule.alone);
}

Discovery Found(const Rule& rule, const ColumnSample& sample, bool by_name) {
  return {rule.class_id, Matches(sample, rule.form), by_name, true};
}

/// A column without values: its name is all there is.
Discovery FromName(ClassSet said) {
  for (const Rule& rule : kRules) {
    if ((said & ClassBit(rule.class_id)) != 0) return {rule.class_id, 0, true, false};
  }
  return {};
}

/// What people write where there is nothing to write.
bool IsPlaceholder(std::string_view value) {
  value = TrimWhiteSpace(value);
  if (value.find_first_not_of("0-.?*/ ") == std::string_view::npos) return true;
  constexpr std::string_view kWords[] = {"n/a", "na", "none", "null", "nil", "unknown", "unbekannt"};
  return std::any_of(std::begin(kWords), std::end(kWords), [value](std::string_view word) {
    auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
    return std::equal(value.begin(), value.end(), word.begin(), word.end(), same);
  });
}

}  // namespace

void NoteValue(std::string_view value, ColumnSample* sample) {
  if (IsPlaceholder(value)) return;
  ++sample->values;
  FormSet forms = FormsOf(value);
  for (int form = 0; form < kValueForms; ++form) {
    if ((forms & (FormSet{1} << form)) != 0) ++sample->with_form[form];
  }
}

Discovery Discover(const NameHint& hint, bool of_persons, const ColumnSample& sample) {
  auto said = static_cast<ClassSet>(hint.strong | (of_persons ? hint.weak : 0));
  auto is_said = [said](const Rule& rule) { return (said & ClassBit(rule.class_id)) != 0; };
  if (sample.values == 0) return FromName(hint.strong);
  for (const Rule& rule : kRules) {
    if (rule.is_checked && SayValues(rule, hint, sample)) return Found(rule, sample, is_said(rule));
  }
  for (const Rule& rule : kRules) {
    if (is_said(rule) && ReachesShare(sample, rule.form, rule.with_name)) return Found(rule, sample, true);
  }
  for (const Rule& rule : kRules) {
    if (SayValues(rule, hint, sample)) return Found(rule, sample, false);
  }
  return {};
}

FormSet FormsOfRareValues(uint16_t class_id) {
  constexpr uint16_t kRareClasses[] = {2, 3, 4, 5, 6, 7, 11, 12, 13};
  if (std::find(std::begin(kRareClasses), std::end(kRareClasses), class_id) == std::end(kRareClasses))
    return 0;
  FormSet forms = 0;
  for (const Rule& rule : kRules) {
    if (rule.class_id == class_id) forms |= Bit(rule.form);
  }
  return forms;
}

}  // namespace pii
