// Values in documents (FORMAT.md): what the independent implementation sealed.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "desk.h"
#include "sealed_text.h"

namespace pii {
namespace {

using test::Bytes;
using test::Desk;

constexpr std::string_view kContext = "json";

Keyring VectorKeyring() {
  Keyring keyring;
  for (KeySet* keys : {&keyring.domains["default"].seal, &keyring.domains["default"].blind_index}) {
    for (uint16_t version : {1, 7, 65535}) test::AddKey(keys, version, 0x01);
  }
  return keyring;
}

std::vector<test::Record> Vectors() {
  return test::RecordsWith(test::ReadRecords("document_values.txt"), "SEALED");
}

TEST(DocumentValue, OpensInDocumentsAlone) {
  ASSERT_EQ(Vectors().size(), 7u);
  Desk desk(VectorKeyring());
  for (test::Record& record : Vectors()) {
    Bytes sealed = test::FromHex(record["SEALED"]);
    EXPECT_EQ(desk.Revealed(sealed, kContext), record["PLAINTEXT"]) << record["NAME"];
    EXPECT_TRUE(nlohmann::json::accept(record["PLAINTEXT"])) << record["NAME"];
    Bytes buffer;
    size_t size = 0;
    EXPECT_EQ(desk.Reveal(sealed, {}, &buffer, &size), Status::kContextRequired) << record["NAME"];
    EXPECT_EQ(desk.Reveal(sealed, "jso", &buffer, &size), Status::kAuthenticationFailed) << record["NAME"];
    Bytes as_column = sealed;
    as_column[1] = static_cast<uint8_t>(as_column[1] & ~SealedValue::kContextBound);
    EXPECT_EQ(desk.Reveal(as_column, {}, &buffer, &size), Status::kAuthenticationFailed) << record["NAME"];
  }
}

TEST(DocumentValue, IsMadeOfTheBytesOfTheVectorFile) {
  for (test::Record& record : Vectors()) {
    XaesKey key;
    ASSERT_EQ(key.Init(ByteView(test::FromHex(record["KEY"])).first<32>()), Status::kOk);
    Bytes expected = test::FromHex(record["SEALED"]);
    Bytes plaintext = test::ToBytes(record["PLAINTEXT"]);
    plaintext.push_back(0x80);
    plaintext.resize((plaintext.size() + 15) / 16 * 16);
    Bytes sealed(expected.begin(), expected.begin() + 30);
    sealed.resize(expected.size());
    ByteSpan span(sealed);
    ASSERT_EQ(key.Seal(span.subspan(6).first<kNonceSize>(), span.first(6), AsBytes(kContext), plaintext,
                       span.subspan(30)),
              Status::kOk);
    EXPECT_EQ(test::ToHex(sealed), record["SEALED"]) << record["NAME"];
    std::string text(SealedTextBound(sealed.size()), '\0');
    text.resize(WriteSealedText(sealed, text));
    EXPECT_EQ(text, record["TEXT"]) << record["NAME"];
  }
}

TEST(DocumentValue, HidesWhichBooleanItIs) {
  SealOptions options{AsBytes(kContext), 16};
  EXPECT_EQ(Protector::SealedSize(4, options), Protector::SealedSize(5, options));
}

// The plaintext of a document's value is JSON text, so that Seal itself does not know a mask in it.
TEST(Protector, ChecksDataWithoutSealingIt) {
  Desk desk(test::MakeKeyring());
  EXPECT_EQ(desk.protector.CheckData(test::kSsn, "***-**-6789"), Status::kMaskedValue);
  EXPECT_EQ(desk.protector.CheckData(test::kSsn, " [ssn]"), Status::kMaskedValue);
  EXPECT_EQ(desk.protector.CheckData(test::kSsn, "123-45-6789"), Status::kOk);
  EXPECT_EQ(desk.protector.CheckData(16, "123-45-6789"), Status::kUnknownClass);
}

}  // namespace
}  // namespace pii
