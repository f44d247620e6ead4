#include "keyring.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "random.h"

namespace pii {

std::string_view KeyStatusName(KeyStatus status) {
  switch (status) {
    case KeyStatus::kEnabled:
      return "enabled";
    case KeyStatus::kDisabled:
      return "disabled";
    case KeyStatus::kDestroyed:
      return "destroyed";
  }
  return {};
}

bool IsDomainName(std::string_view text) {
  auto is_inner = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  };
  auto is_punctuation = [](char c) { return c == '_' || c == '-' || c == '.'; };
  return !text.empty() && text.size() <= PiiClass::kMaxNameSize && !is_punctuation(text[0]) &&
         std::all_of(text.begin(), text.end(), is_inner);
}

Status AddKeyVersion(KeySet* keys, int64_t now, uint16_t* version) {
  uint16_t last = keys->versions.empty() ? 0 : keys->versions.rbegin()->first;
  if (last == UINT16_MAX) return Status::kTooLong;
  KeyVersion fresh;
  fresh.created = now;
  Status status = FillRandomKey(fresh.key.Expose());
  if (status != Status::kOk) return status;
  *version = static_cast<uint16_t>(last + 1);
  keys->versions.emplace(*version, std::move(fresh));
  if (keys->primary == 0) keys->primary = *version;
  return Status::kOk;
}

Status AddDomain(Keyring* keyring, std::string_view name, int64_t now) {
  Domain domain;
  uint16_t version;
  Status status = AddKeyVersion(&domain.seal, now, &version);
  if (status == Status::kOk) status = AddKeyVersion(&domain.blind_index, now, &version);
  if (status == Status::kOk) status = FillRandomKey(domain.hash_key.Expose());
  if (status == Status::kOk) keyring->domains.emplace(name, std::move(domain));
  return status;
}

bool ParseTimestamp(std::string_view text, int64_t* seconds) {
  constexpr std::string_view kPattern = "dddd-dd-ddTdd:dd:ddZ";
  if (text.size() != kPattern.size()) return false;
  int fields[6] = {};
  size_t field = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (kPattern[i] != 'd') {
      if (text[i] != kPattern[i]) return false;
      ++field;
    } else if (text[i] < '0' || text[i] > '9') {
      return false;
    } else {
      fields[field] = fields[field] * 10 + (text[i] - '0');
    }
  }
  using namespace std::chrono;
  year_month_day day{year{fields[0]}, month{static_cast<unsigned>(fields[1])},
                     std::chrono::day{static_cast<unsigned>(fields[2])}};
  if (!day.ok() || fields[3] > 23 || fields[4] > 59 || fields[5] > 59) return false;
  *seconds = (sys_days{day}.time_since_epoch() + hours{fields[3]} + minutes{fields[4]} +
              std::chrono::seconds{fields[5]}) /
             std::chrono::seconds{1};
  return true;
}

std::string FormatTimestamp(int64_t seconds) {
  using namespace std::chrono;
  sys_seconds time{std::chrono::seconds{seconds}};
  sys_days day = floor<days>(time);
  year_month_day date{day};
  hh_mm_ss clock{time - day};
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

}  // namespace pii
