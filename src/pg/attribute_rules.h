#pragma once

#include <cstdint>

namespace pii {

// Attribute tables: one column names an attribute, another holds its value, and which attributes are sealed,
// as what, the table pii_sealed_attribute says. pii_seal_when() makes a table one by a trigger, which is also
// the record of it: BEFORE INSERT OR UPDATE OF value, attribute, in this order. So PostgreSQL itself follows
// renames, partitions and dumps. What is plaintext in such a column counts as class text.

/// AttributeColumns are the two columns of an attribute table; both 0 for any other table.
struct AttributeColumns {
  int16_t value;
  int16_t attribute;
};

/// FindAttributeColumns returns them. Cached, as all that follows; a change counts in every session from its
/// next statement on. In a transaction.
AttributeColumns FindAttributeColumns(uint32_t table);

/// FindAttributeColumnsAt returns them for a table whose value column is `column`, else both 0.
AttributeColumns FindAttributeColumnsAt(uint32_t table, int16_t column);

/// ClassOfAttribute returns the class that the values of an attribute are sealed as, by the rules of the
/// table and of those that it is a partition or child of; kNoClass when no rule declares it. The attribute is
/// a datum of type `type`; its text output counts. Raises 22023 for a class that the keyring does not have.
int32_t ClassOfAttribute(uint32_t table, uint32_t type, uintptr_t attribute);

/// SearchedClasses returns the classes that values of the table may have, palloc'ed: class text, those that
/// the rules declare, and those that came to be in it otherwise (pii_attribute_class).
uint16_t* SearchedClasses(uint32_t table, int* count);

/// RequireSearchOfTable raises 42501 unless the current user may search all SearchedClasses.
void RequireSearchOfTable(uint32_t table);

/// MaySearchTable tells whether RequireSearchOfTable would succeed.
bool MaySearchTable(uint32_t table);

/// AwaitsSealing tells whether there may be plaintext of a declared attribute: a rule that no job has
/// finished yet.
bool AwaitsSealing(uint32_t table);

/// NoteClassOf writes down that values of a class are in a table, unless SearchedClasses has it.
void NoteClassOf(uint32_t table, uint16_t class_id);

/// BeginSealing and EndSealing note that a sweep seals what was there when the rules were made;
/// BeginUnsealing that it is plaintext again.
void BeginSealing(uint32_t table);
void EndSealing(uint32_t table);
void BeginUnsealing(uint32_t table);

/// IsAttributeType tells whether a column of a type can name attributes.
bool IsAttributeType(uint32_t type);

/// InvalidateRules makes every session read the rules of a table, its partitions and children again.
void InvalidateRules(uint32_t table);

}  // namespace pii
