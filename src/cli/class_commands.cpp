// Commands on custom classes.

#include <algorithm>
#include <span>

#include "opened_keyring.h"
#include "output.h"

namespace pii::cli {
namespace {

/// The id above all that there are: one that was ever used must not name another class, and so the gaps stay.
/// 0 when there is none.
uint16_t NextClassId(const Keyring& keyring) {
  uint32_t next = kFirstCustomClass;
  for (const PiiClass& custom : keyring.classes) next = std::max<uint32_t>(next, custom.id + 1u);
  return next > UINT16_MAX ? 0 : static_cast<uint16_t>(next);
}

bool RefuseTaken(const Arguments& arguments, const std::string& what, Problem* problem) {
  return Refuse(problem, what,
                "choose another; see which classes there are: " + CommandText("list", arguments) +
                    ", and the built-in ones: SELECT * FROM pii_classes");
}

bool FillClass(const Arguments& arguments, const Keyring& keyring, PiiClass* custom, Problem* problem) {
  auto has_name = [&](const PiiClass& other) { return other.name() == arguments.class_name; };
  auto has_id = [&](const PiiClass& other) { return other.id == arguments.class_id; };
  std::span<const PiiClass> builtin = BuiltinClasses();
  if (std::any_of(builtin.begin(), builtin.end(), has_name) ||
      std::any_of(keyring.classes.begin(), keyring.classes.end(), has_name)) {
    return RefuseTaken(arguments, "there is a class " + Quoted(arguments.class_name) + " already", problem);
  }
  if (std::any_of(keyring.classes.begin(), keyring.classes.end(), has_id)) {
    return RefuseTaken(
        arguments, "there is a class with id " + std::to_string(arguments.class_id) + " already", problem);
  }
  custom->id = arguments.class_id != 0 ? arguments.class_id : NextClassId(keyring);
  if (custom->id == 0) {
    return Refuse(problem, "there is a class with id 65535, and no number is above it",
                  "choose an id that no class ever had, with --id");
  }
  arguments.class_name.copy(custom->name_text, PiiClass::kMaxNameSize);
  NormalizerByName(arguments.normalizer, &custom->normalizer);
  custom->mask = MaskRule::kKeep;
  custom->keep_first = arguments.keep_first;
  custom->keep_last = arguments.keep_last;
  for (const std::string& name : arguments.transforms) {
    Transform transform;
    if (TransformByName(name, &transform)) custom->transforms |= Just(transform);
  }
  if (custom->normalizer == Normalizer::kNone && custom->transforms != 0) {
    return Refuse(problem, "a class with --normalize none is never searched, and has no transforms",
                  "leave out --transform, or choose another normaliser");
  }
  return true;
}

}  // namespace

bool DeclareClass(const Arguments& arguments, Problem* problem) {
  OpenedKeyring opened;
  PiiClass custom{};
  bool added = EditKeyring(
      arguments,
      [&](Keyring* keyring, bool* changed, Problem* edit_problem) {
        if (!FillClass(arguments, *keyring, &custom, edit_problem)) return false;
        keyring->classes.push_back(custom);
        *changed = true;
        return true;
      },
      &opened, problem);
  if (!added) return false;
  Print("added class " + Quoted(custom.name()) + " with id " + std::to_string(custom.id) + "\n");
  NextReload();
  Next("then declare columns as pii_text(" + std::string(custom.name()) +
       "); what the class says must not change once it has values");
  return true;
}

}  // namespace pii::cli
