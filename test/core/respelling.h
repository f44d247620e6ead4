#pragma once

#include <string>
#include <string_view>

#include "specimen.h"

namespace pii::test {

/// The normalisation forms of Unicode UAX #15 and case by ICU itself, not by the core. Ill-formed text gives
/// something.
std::string Nfc(std::string_view value);
std::string Nfd(std::string_view value);
std::string Nfkc(std::string_view value);
std::string Nfkd(std::string_view value);
std::string UpperCase(std::string_view value);
std::string LowerCase(std::string_view value);

/// Respelled gives another spelling of `value`: in other case, in another normalisation form, with separators
/// or default-ignorable code points put in or taken out, in other digits or wide, its date or address written
/// differently. Some class holds most of them for equal to `value`, and none holds all.
std::string Respelled(Specimens* specimens, std::string_view value);

}  // namespace pii::test
