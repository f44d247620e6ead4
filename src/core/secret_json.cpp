#include "secret_json.h"

#include <set>

#include "keyring.h"

namespace pii {
namespace {

/// RepeatedMembers watches the parser.
class RepeatedMembers {
 public:
  using Event = SecretJson::parse_event_t;

  void See(Event event, const SecretJson& parsed) {
    bool begins_value = event == Event::object_start || event == Event::array_start || event == Event::value;
    if (begins_value && !levels_.empty() && levels_.back().array) ++levels_.back().count;
    switch (event) {
      case Event::object_start:
      case Event::array_start:
        levels_.push_back({event == Event::array_start, 0, {}, {}});
        break;
      case Event::object_end:
      case Event::array_end:
        levels_.pop_back();
        break;
      case Event::key:
        levels_.back().member = parsed.get_ref<const SecretString&>();
        if (!levels_.back().members.insert(levels_.back().member).second && path_.empty()) path_ = Path();
        break;
      case Event::value:
        break;
    }
  }

  /// The path of the first repeated member; empty when there is none.
  const std::string& path() const { return path_; }

 private:
  struct Level {
    bool array;
    size_t count;                    ///< of an array: elements begun
    SecretString member;             ///< of an object: the last name
    std::set<SecretString> members;  ///< of an object: all names
  };

  std::string Path() const {
    std::string path;
    for (const Level& level : levels_) {
      if (!path.empty()) path += '.';
      path += level.array ? std::to_string(level.count - 1) : PrintableMember(View(level.member));
    }
    return path;
  }

  std::vector<Level> levels_;
  std::string path_;
};

}  // namespace

std::string PrintableMember(std::string_view name) {
  bool harmless = name.size() <= 40 && IsDomainName(name);
  return harmless ? std::string(name) : "<a member that is no name>";
}

bool ParseSecretJson(std::string_view text, SecretJson* document, std::string* problem) {
  RepeatedMembers repeated;
  auto watch = [&repeated](int, SecretJson::parse_event_t event, SecretJson& parsed) {
    repeated.See(event, parsed);
    return true;
  };
  try {
    *document = SecretJson::parse(text, watch);
  } catch (const SecretJson::parse_error& error) {
    // Its text quotes the input, so only the place is passed on.
    *problem = "not valid JSON at byte " + std::to_string(error.byte);
    return false;
  } catch (const SecretJson::out_of_range&) {
    // 1e999: a number that no double holds. Its text quotes the input, too.
    *problem = "not valid JSON: a number is out of range";
    return false;
  }
  if (repeated.path().empty()) return true;
  *problem = repeated.path() + ": the same member twice";
  return false;
}

}  // namespace pii
