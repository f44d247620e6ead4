#pragma once

#include <cstdint>

namespace pii {

/// Status is everything a call into the core can end with. It is closed: a reader of a `switch` sees every
/// case, and the server maps each one to a SQLSTATE in one table (src/pg/report.cpp). It never carries a
/// value.
enum class [[nodiscard]] Status : uint8_t{
    kOk,

    // What a stored value can be instead of a sealed value.
    kNotSealed,             ///< the first byte is not 0x00: legacy plaintext, or not ours at all
    kTruncated,             ///< shorter than header and tag (46 bytes)
    kUnknownFormat,         ///< reserved format bits are set, or the low nibble is not XAES-256-GCM
    kVersionZero,           ///< key version 0 is never issued
    kAuthenticationFailed,  ///< tag mismatch: damaged, truncated, moved between domains, or forged
    kBadPadding,            ///< authenticated, but the padding is not 0x80 0x00*
    kContextRequired,       ///< format bit 5 is set and the caller gave no context
    kContextNotBound,       ///< the caller gave a context and format bit 5 is clear

    // Sealed text.
    kNotSealedText,        ///< does not begin with `pii:v<digits>:`
    kMalformedSealedText,  ///< begins like sealed text and is not

    // Keys.
    kUnknownDomain,
    kUnknownClass,
    kUnknownKeyVersion,
    kKeyDisabled,
    kKeyDestroyed,
    kKeyNotPrepared,  ///< not a failure: call Protector::Prepare with Protector::missing() and try again

    // Input.
    kMaskedValue,    ///< the value is its own mask, so it is not data
    kNotSearchable,  ///< the class has no blind index, or none of this transform
    kNoPart,         ///< the value has no such part: it is not of its class's form, or too short
    kInvalidUtf8,
    kBufferTooSmall,  ///< nothing was written; the needed size is in the size argument
    kTooLong,

    // The process.
    kSelfTestFailed,
    kCryptoFailed,  ///< OpenSSL refused a call that cannot fail in a working library
    kOutOfMemory,
    kUnexpected,
};

}  // namespace pii
