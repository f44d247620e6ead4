#pragma once

#include "status.h"

namespace pii {

/// RunSelfTest computes known answers of XAES-256-GCM (C2SP), HKDF-SHA256 (RFC 5869) and HMAC-SHA256 (RFC
/// 2104) and sees that a flipped tag is refused. It runs once a process, at the first call after a fork too;
/// once it has passed, later calls say so at once. Anything but the right answers is kSelfTestFailed.
Status RunSelfTest();

}  // namespace pii
