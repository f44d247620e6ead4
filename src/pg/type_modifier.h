#pragma once

#include <cstdint>

struct FunctionCallInfoBaseData;
struct Node;

namespace pii {

/// The class is the type modifier; -1 is `pii_text` without one.
constexpr int32_t kNoClass = -1;

/// CheckTypeModifier turns a type modifier that SQL passed by hand into a class id. Raises 22023 when it is
/// none.
uint16_t CheckTypeModifier(int32_t type_modifier);

/// RequireClassByName returns the id of the class `name`. An unknown one raises 22023 with a hint that lists
/// all. The message does not repeat the name: who swaps the arguments of pii_seal() gives a value here.
uint16_t RequireClassByName(const char* name);

/// DeclaredModifier returns the type modifier that an expression declares, through domains;
/// kNoClass when it declares none.
int32_t DeclaredModifier(Node* expression);

/// DeclaredClass returns the class that the expression of an argument declares (exprTypmod); kNoClass when it
/// declares none, or there is no expression.
int32_t DeclaredClass(FunctionCallInfoBaseData* fcinfo, int argument);

/// ArgumentClass returns DeclaredClass, for legacy plaintext, which carries no class; class text when none is
/// declared.
uint16_t ArgumentClass(FunctionCallInfoBaseData* fcinfo, int argument);

}  // namespace pii
