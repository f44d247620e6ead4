#pragma once

#include <cstdint>
#include <string_view>

namespace pii {

/// ClassSet holds one bit, 1 << class id, for each built-in class in it.
using ClassSet = uint16_t;
constexpr ClassSet ClassBit(uint16_t class_id) { return static_cast<ClassSet>(1 << class_id); }

/// NameHint is what the name of a column says of its class, in English, German, French, Spanish and a few
/// more languages. snake_case, camelCase and words written together are one; so are letters with and without
/// accents.
struct NameHint {
  ClassSet strong;    ///< classes that the name says
  ClassSet weak;      ///< classes that it says of a column of persons: name, first, last
  bool is_of_person;  ///< persons have it, things do not: a birth date, a sex, a passport
  bool is_of_thing;   ///< it counts or names things: order, version, sku
};

/// HintOfColumn reads the name of a column: valid UTF-8, else there is no hint. It throws std::bad_alloc.
NameHint HintOfColumn(std::string_view column);

/// NamesPersons tells whether a table has the name of a kind of persons: patients, Kunden.
bool NamesPersons(std::string_view table);

}  // namespace pii
