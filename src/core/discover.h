#pragma once

#include <cstdint>
#include <string_view>

#include "name_hint.h"
#include "value_form.h"

namespace pii {

/// ColumnSample counts the forms of the values of a column that were looked at. No value is kept.
struct ColumnSample {
  int64_t values;  ///< without empty ones
  int64_t with_form[kValueForms];
};

/// NoteValue counts a value: UTF-8. What is empty, and what stands for
/// nothing (0, -, n/a), is not counted.
void NoteValue(std::string_view value, ColumnSample* sample);

/// Discovery is the class that a column looks like.
struct Discovery {
  uint16_t class_id;  ///< kTextClass: none
  int64_t matches;    ///< values of the sample that have a form of the class
  bool by_name;       ///< the name of the column says so
  bool by_values;     ///< its values do
};

/// Discover puts together what the name and the values of a column say. Values alone decide where chance does
/// not give the same (check digits, an @); else the name must say so and the values must not contradict.
/// `of_persons`: the table is about persons, so that a column called `name` holds those of persons. A guess:
/// it finds what to look at, and proves nothing.
Discovery Discover(const NameHint& hint, bool of_persons, const ColumnSample& sample);

/// FormsOfRareValues returns the forms that values of a class have, of classes whose values hardly two
/// persons share: where one turns up twice, it is the same. 0 for names, dates, addresses and the like.
FormSet FormsOfRareValues(uint16_t class_id);

}  // namespace pii
