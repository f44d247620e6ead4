#include "report.h"

#include "access_log.h"
#include "pg.h"
#include "settings.h"
#include "shared_keys.h"

namespace pii {
namespace {

/// A class by its name, or by its number when the keyring does not declare it.
const char* ClassLabel(uint16_t class_id) {
  const PiiClass* pii_class = FindClass(class_id);
  return pii_class != nullptr ? pii_class->name_text : psprintf("%u", class_id);
}

[[noreturn]] void ReportDamage(Origin origin, const char* what) {
  if (origin == Origin::kSealedText) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("malformed sealed text"),
                    errdetail("%s", what),
                    errhint("Sealed text must be copied whole, from \"pii:v\" to its last character.")));
  }
  ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("stored value is damaged"), errdetail("%s", what),
                  errhint("pii_try_reveal() gives NULL for damaged values, so that the rest can be read.")));
}

/// Failures that concern neither a value nor a key version.
[[noreturn]] void ReportProcessFailure(Status status, uint16_t class_id) {
  switch (status) {
    case Status::kUnknownDomain:
      ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                      errmsg("domain \"%s\" is not in the keyring", settings.domain),
                      errhint("Set pii.domain to a domain that the view pii_keyring lists.")));
    case Status::kUnknownClass:
      ereport(ERROR,
              (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
               errmsg("class %u is not declared in the keyring", class_id),
               errhint(class_id < kFirstCustomClass ? "Ids below 1000 belong to later versions of pii."
                                                    : "Add the class to the keyring (pii-keyring class add), "
                                                      "then SELECT pii_reload_keyring().")));
    case Status::kMaskedValue:
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a masked value cannot be stored"),
                      errdetail("The value is a masked or redacted form, not data (class %s).",
                                ClassLabel(class_id)),
                      errhint("Write the value itself, or leave the column out of the statement.")));
    case Status::kNotSearchable:
      ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                      errmsg("values of class %s cannot be searched", ClassLabel(class_id))));
    case Status::kInvalidUtf8:
      ereport(ERROR, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE), errmsg("value is not valid UTF-8"),
                      errdetail("Sealed values hold UTF-8 text without zero bytes.")));
    case Status::kTooLong:
      ReportTooLong();
    case Status::kSelfTestFailed:
      ereport(
          ERROR,
          (errcode(ERRCODE_SYSTEM_ERROR), errmsg("cipher self-test failed"),
           errdetail("The OpenSSL library of this server does not compute the known answers of AES-256-GCM, "
                     "HMAC-SHA256 and HKDF."),
           errhint("Nothing was sealed or revealed. Check the OpenSSL installation and its configuration.")));
    case Status::kCryptoFailed:
      ereport(
          ERROR,
          (errcode(ERRCODE_SYSTEM_ERROR), errmsg("OpenSSL refused an operation"),
           errhint("Nothing was sealed or revealed. Check the OpenSSL installation and its configuration.")));
    case Status::kOutOfMemory:
      ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    default:
      ereport(ERROR,
              (errcode(ERRCODE_INTERNAL_ERROR), errmsg("unexpected status %d", static_cast<int>(status))));
  }
}

}  // namespace

void ReportStatus(Status status, Origin origin, uint16_t class_id, uint16_t key_version) {
  NoteAccess(Operation::kFailed, class_id, key_version);
  switch (status) {
    case Status::kNotSealed:
      ReportDamage(origin, "It does not begin with the mark of a sealed value.");
    case Status::kTruncated:
      ReportDamage(origin, "It is shorter than any sealed value.");
    case Status::kUnknownFormat:
      ReportDamage(origin, "Its format is not one that this version knows.");
    case Status::kVersionZero:
      ReportDamage(origin, "Its key version is 0, which is never given out.");
    case Status::kBadPadding:
      ReportDamage(origin, "Its padding is malformed.");
    case Status::kNotSealedText:
    case Status::kMalformedSealedText:
      ReportDamage(Origin::kSealedText, "It is not base64url, or its key version is not the one in front.");
    case Status::kAuthenticationFailed:
      ereport(
          ERROR,
          (errcode(ERRCODE_DATA_CORRUPTED), errmsg("could not authenticate sealed value"),
           errdetail("Class %s, key version %u, domain \"%s\".", ClassLabel(class_id), key_version,
                     settings.domain),
           errhint("The value was damaged, or sealed in another domain or under another key of this version. "
                   "pii_try_reveal() gives NULL for such values, so that the rest can be read.")));
    case Status::kContextRequired:
    case Status::kContextNotBound:
      ereport(ERROR,
              (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
               errmsg("sealed value is bound to the context of an application"),
               errdetail("Class %s, key version %u, domain \"%s\".", ClassLabel(class_id), key_version,
                         settings.domain),
               errhint("Only what sealed it can reveal it: pii_reveal_json() for values of documents.")));
    case Status::kUnknownKeyVersion:
      ereport(ERROR,
              (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
               errmsg("key version %u of domain \"%s\" is not in the keyring", key_version, settings.domain),
               errdetail("A value of class %s needs it.", ClassLabel(class_id)),
               errhint("Give the server the keyring that holds this version, then SELECT "
                       "pii_reload_keyring(); or set "
                       "pii.domain to the domain that the value belongs to.%s",
                       origin == Origin::kSealedText ? " A superuser may restore sealed text without its "
                                                       "key: SET pii.accept_unverified = on."
                                                     : "")));
    case Status::kKeyDisabled:
      ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                      errmsg("key version %u of domain \"%s\" is disabled", key_version, settings.domain),
                      errdetail("A value of class %s needs it.", ClassLabel(class_id)),
                      errhint("Enable it (pii-keyring enable), then SELECT pii_reload_keyring().")));
    case Status::kKeyDestroyed:
      ereport(ERROR,
              (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
               errmsg("key version %u of domain \"%s\" was destroyed", key_version, settings.domain),
               errdetail("A value of class %s needs it.", ClassLabel(class_id)),
               errhint("The value cannot be read any more, unless a copy of the old keyring exists.")));
    default:
      ReportProcessFailure(status, class_id);
  }
}

void ReportSealFailure(Status status, uint16_t class_id) {
  ReportStatus(status, Origin::kStored, class_id, SealPrimary());
}

void ReportIndexKey(Status status, uint16_t class_id, uint16_t version) {
  NoteAccess(Operation::kFailed, class_id, version);
  ereport(
      ERROR,
      (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
       errmsg("blind index key version %u of domain \"%s\" %s", version, settings.domain,
              status == Status::kKeyDisabled    ? "is disabled"
              : status == Status::kKeyDestroyed ? "was destroyed"
                                                : "is not in the keyring"),
       errdetail("A blind index of class %s is computed under it.", ClassLabel(class_id)),
       errhint("Enable it (pii-keyring enable), then SELECT pii_reload_keyring(). An index that is pinned "
               "to a version which is no longer needed can be dropped.")));
}

void ReportLockedImport(uint16_t class_id, uint16_t key_version) {
  NoteAccess(Operation::kFailed, class_id, key_version);
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("key version %u of domain \"%s\" is needed, and no keyring is loaded", key_version,
                         settings.domain),
                  errdetail("Sealed text of class %s was sealed under it.", ClassLabel(class_id)),
                  errhint("Give the server the keyring that holds this version. A superuser may restore "
                          "without keys: SET pii.accept_unverified = on, and CALL pii_verify_column() once "
                          "the keys are there.")));
}

void ReportTooLong() {
  ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("value is too long"),
                  errdetail("A value, its sealed value and its sealed text must each stay below 1 GB.")));
}

void ReportNotPreloaded() {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("pii was not loaded when the server started"),
                  errhint("Add pii to shared_preload_libraries in postgresql.conf and restart the server.")));
}

}  // namespace pii
