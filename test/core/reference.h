#pragma once

#include "bytes.h"
#include "vectors.h"

namespace pii::test {

/// The primitives a second time, put together from other parts of OpenSSL than src/core uses: HKDF from
/// one-shot HMACs, the XAES message key from CMAC. Each is checked against published vectors of its own.

Bytes ReferenceHmac(ByteView key, ByteView message);
Bytes ReferenceHkdf(ByteView key, ByteView salt, ByteView info, size_t size);

/// AES-256-GCM with a 12-byte nonce in the order of EVP calls that XaesKey makes. Ciphertext and tag.
Bytes ReferenceGcmSeal(ByteView key, ByteView nonce, ByteView header, ByteView plaintext);
bool ReferenceGcmOpen(ByteView key, ByteView nonce, ByteView header, ByteView sealed, Bytes* plaintext);

Bytes ReferenceXaesSeal(ByteView key, ByteView nonce, ByteView header, ByteView plaintext);

}  // namespace pii::test
