// ParseSealedText and WriteSealedText: each sealed value has exactly one text.

#include <algorithm>
#include <vector>

#include "check.h"
#include "sealed_text.h"
#include "sealed_value.h"

namespace {

using namespace pii;

std::string_view Write(ByteView sealed, std::vector<char>* text) {
  text->assign(SealedTextBound(sealed.size()), '\0');
  size_t size = WriteSealedText(sealed, *text);
  Check(size <= text->size(), "the text fits its bound");
  return {text->data(), size};
}

void ReadText(std::string_view text) {
  std::vector<uint8_t> sealed(SealedBytesBound(text.size()));
  size_t size = 0;
  Status status = ParseSealedText(text, sealed, &size);
  Check((status == Status::kNotSealedText) == !LooksLikeSealedText(text),
        "what looks like sealed text is sealed text or malformed");
  if (status != Status::kOk) {
    Check(status == Status::kNotSealedText || status == Status::kMalformedSealedText ||
              status == Status::kTruncated || status == Status::kUnknownFormat ||
              status == Status::kVersionZero,
          "the parser fails with one of its statuses");
    return;
  }
  Check(size <= sealed.size(), "the bytes fit their bound");
  SealedValue value;
  Check(ParseSealedValue(ByteView(sealed).first(size), &value) == Status::kOk, "what is accepted parses");
  std::vector<char> written;
  Check(Write(ByteView(sealed).first(size), &written) == text, "the text written is the text read");
}

void WriteBytes(ByteView stored) {
  SealedValue value;
  if (ParseSealedValue(stored, &value) != Status::kOk) return;
  std::vector<char> buffer;
  std::string_view text = Write(stored, &buffer);
  Check(LooksLikeSealedText(text), "sealed text looks like it");
  std::vector<uint8_t> sealed(SealedBytesBound(text.size()));
  size_t size = 0;
  Check(ParseSealedText(text, sealed, &size) == Status::kOk && size == stored.size() &&
            std::equal(stored.begin(), stored.end(), sealed.begin()),
        "the bytes read are the bytes written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ReadText(AsText({data, size}));
  WriteBytes({data, size});
  return 0;
}
