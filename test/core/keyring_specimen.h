#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "keyring.h"

namespace pii::test {

using Json = nlohmann::ordered_json;

/// MarkerKey gives a key that would be noticed: base64 of 32 bytes that depend on `seed`.
std::string MarkerKey(uint64_t seed);

/// ValidJson is the keyring that every refusal starts from. All its keys are markers.
Json ValidJson();

Json& At(Json& json, const char* pointer);

/// Problem gives the message that `json` is refused with; empty when it is accepted. It is one line without
/// key material.
std::string Problem(std::string_view json);

/// ExpectRefused expects a message that begins with `path`.
void ExpectRefused(const Json& json, const std::string& path);
/// The same for the valid keyring after `change`.
void ExpectRefused(const std::function<void(Json&)>& change, const std::string& path);

}  // namespace pii::test
