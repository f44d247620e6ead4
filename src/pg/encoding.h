#pragma once

#include "bytes.h"

namespace pii {

/// ServerIsUtf8 tells whether text needs no conversion. True for SQL_ASCII too, whose bytes are not
/// converted.
bool ServerIsUtf8();

/// ToUtf8 converts text of the server's encoding. The result is palloc'ed, or `text` itself when nothing is
/// to be done; whoever gets a copy wipes it. Text that is no UTF-8 in a database without encoding, or has a
/// character that UTF-8 lacks, raises 22021. No message shows a byte of the text; PostgreSQL's own conversion
/// errors do.
ByteView ToUtf8(ByteView text);

/// FromUtf8 converts the `*size` bytes of UTF-8 behind the first `head` bytes of a palloc'ed buffer to the
/// server's encoding. It gives the buffer back, or a new one with the same head and a NUL at the end, the old
/// one being wiped and freed. A character the encoding lacks raises 22P05.
char* FromUtf8(char* buffer, size_t head, size_t* size);

}  // namespace pii
