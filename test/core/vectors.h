#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.h"

namespace pii::test {

using Bytes = std::vector<uint8_t>;

Bytes FromHex(std::string_view hex);
std::string ToHex(ByteView bytes);
Bytes ToBytes(std::string_view text);
Bytes Joined(ByteView first, ByteView second);

/// One block of `NAME: value` lines of a vector file.
using Record = std::map<std::string, std::string>;

/// ReadRecords reads test/core/vectors/`file`: blocks between blank lines, `#` for comments, quotes taken off
/// quoted values. Empty when the file cannot be read.
std::vector<Record> ReadRecords(const std::string& file);

/// RecordsWith keeps the records that have the field `name`.
std::vector<Record> RecordsWith(const std::vector<Record>& records, const std::string& name);

/// SharedVectorPath is where a file lies that is not part of the repository (CMake option PII_SHARED_DIR).
std::string SharedVectorPath(const std::string& file);
bool Exists(const std::string& path);

}  // namespace pii::test
