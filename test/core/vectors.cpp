#include "vectors.h"

#include <fstream>

namespace pii::test {

Bytes FromHex(std::string_view hex) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::string ToHex(ByteView bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (uint8_t byte : bytes) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

Bytes ToBytes(std::string_view text) { return {text.begin(), text.end()}; }

Bytes Joined(ByteView first, ByteView second) {
  Bytes joined(first.begin(), first.end());
  joined.insert(joined.end(), second.begin(), second.end());
  return joined;
}

std::vector<Record> ReadRecords(const std::string& file) {
  std::ifstream in(PII_TEST_VECTOR_DIR "/" + file);
  std::vector<Record> records;
  Record record;
  auto finish = [&] {
    if (!record.empty()) records.push_back(std::move(record));
    record.clear();
  };
  std::string line;
  while (std::getline(in, line)) {
    if (line.empty()) finish();
    size_t colon = line.find(": ");
    if (line.empty() || line[0] == '#' || colon == std::string::npos) continue;
    std::string value = line.substr(colon + 2);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    record[line.substr(0, colon)] = value;
  }
  finish();
  return records;
}

std::vector<Record> RecordsWith(const std::vector<Record>& records, const std::string& name) {
  std::vector<Record> found;
  for (const Record& record : records) {
    if (record.contains(name)) found.push_back(record);
  }
  return found;
}

std::string SharedVectorPath(const std::string& file) { return PII_SHARED_DIR "/vectors/" + file; }

bool Exists(const std::string& path) { return std::ifstream(path).good(); }

}  // namespace pii::test
