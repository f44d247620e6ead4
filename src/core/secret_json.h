#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "secret.h"

namespace pii {

/// SecretJson is nlohmann::ordered_json whose strings and nodes are wiped when freed: the document holds
/// every key there is.
using SecretJson = nlohmann::basic_json<nlohmann::ordered_map, std::vector, SecretString, bool, int64_t,
                                        uint64_t, double, WipingAllocator>;

inline std::string_view View(const SecretString& text) { return {text.data(), text.size()}; }
inline SecretString Secret(std::string_view text) { return {text.data(), text.size()}; }

/// PrintableMember returns a member's name as a message may show it. A misplaced key could stand where a name
/// belongs, so only what cannot be one is repeated: 32 bytes take at least 43 characters of base64.
std::string PrintableMember(std::string_view name);

/// ParseSecretJson reads a whole document, and refuses one that has a member twice: the parser keeps the last
/// of the two, which for a key would be a silent choice. `*problem` is one line: the byte offset where the
/// JSON breaks off, or the path of the repeated member; never a byte of the input's values.
bool ParseSecretJson(std::string_view text, SecretJson* document, std::string* problem);

}  // namespace pii
