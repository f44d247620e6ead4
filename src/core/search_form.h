#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "pii_class.h"
#include "secret.h"
#include "status.h"

namespace pii {

// What blind indexes hash. IndexForm is of a stored value, QueryForm of what somebody searches for; they are
// one for a whole value. Both have the errors and the buffer rule of Normalize, and two more: kNotSearchable
// when the class does not allow the transform, kNoPart when there is no such part.

/// IndexForm writes the normalised value, or the part of it that `transform` names. A part is taken only of a
/// value that has the shape of its class; of any other, and of one too short, there is none.
Status IndexForm(const PiiClass& pii_class, Transform transform, std::string_view value, std::span<char> out,
                 size_t* size);

/// QueryForm also takes the part alone, as people know it: `6789` by last4, `example.com` by domain, `1980`
/// by year. By initials one word is the initials themselves (`jd`), several are a name.
Status QueryForm(const PiiClass& pii_class, Transform transform, std::string_view value, std::span<char> out,
                 size_t* size);

/// NextSearchWord gives the words of a normalised value one by one, for word search: runs of letters, digits
/// and marks. Empty at the end.
std::string_view NextSearchWord(std::string_view normalized, size_t* offset);

/// HashForm replaces `*form` by a coarse form of `value` that is the same for any two values that some class
/// holds for equal: NFKC, upper case, NFKC casefold, NFKD, IPv6 addresses spelled out, then letters and
/// digits alone, without zeros (01 and 1 are one month). A hash of it serves GROUP BY and hash joins, where
/// one side may not know the other's class. Fails with kInvalidUtf8, kTooLong.
Status HashForm(std::string_view value, SecretString* form);

}  // namespace pii
