#pragma once

#include <cstdint>
#include <string_view>

namespace pii {

/// ValueForm is what the look of one value tells of what it is. Nothing is proved by it: a form says how
/// likely chance gives the same, and discover.h what to make of it.
enum class ValueForm : uint8_t {
  kEmail,             ///< local@host.tld
  kIban,              ///< ISO 13616, with check digits (ISO/IEC 7064, mod 97-10)
  kCard,              ///< a length and prefix that card networks issue, and the Luhn digit (ISO/IEC 7812-1)
  kSsn,               ///< nine digits, separators or not
  kIssuedSsn,         ///< 3-2-4 digits, in an area, group and serial that the US SSA issues
  kPhone,             ///< 7 to 15 digits
  kDialledPhone,      ///< + and 8 to 15 digits (ITU-T E.164)
  kGroupedPhone,      ///< 3-3-4 digits as the North American Numbering Plan allows them
  kIp,                ///< what inet_pton accepts
  kHostIp,            ///< the same, and unlike a version number
  kDate,              ///< a day since 1900, in any order
  kDocument,          ///< 6 to 20 letters and digits, four of them digits; no date
  kLongNumber,        ///< 8 to 34 letters and digits, eight of them digits; no date
  kPostcode,          ///< 3 to 10 letters and digits, two of them digits
  kDistinctPostcode,  ///< of the United Kingdom or Canada, whose codes look like nothing else
  kPersonName,        ///< a few words, mostly letters
  kAddress,           ///< words; no code, no link, no host
  kStreet,            ///< a number and a word for street
};
constexpr int kValueForms = static_cast<int>(ValueForm::kStreet) + 1;

/// FormSet holds one bit, 1 << ValueForm, for each form in it.
using FormSet = uint32_t;
constexpr FormSet Bit(ValueForm form) { return FormSet{1} << static_cast<int>(form); }

/// The longest value, in bytes, that has any form.
constexpr size_t kMaxFormSize = 256;

/// FormsOf returns the forms of a value. It is total: ill-formed UTF-8 and what is longer than kMaxFormSize
/// have none.
FormSet FormsOf(std::string_view value);

}  // namespace pii
