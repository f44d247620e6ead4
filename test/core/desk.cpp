#include "desk.h"

#include <gtest/gtest.h>

namespace pii::test {

Keyring MakeKeyring() {
  Keyring keyring;
  Domain& domain = keyring.domains["default"];
  AddKey(&domain.seal, 4, 0x44);
  AddKey(&domain.seal, 3, 0x33);
  AddKey(&domain.seal, 2, 0x00, KeyStatus::kDestroyed);
  AddKey(&domain.seal, 1, 0x11, KeyStatus::kDisabled);
  AddKey(&domain.blind_index, 1, 0x55);
  Domain& other = keyring.domains["eu-west"];
  AddKey(&other.seal, 4, 0x44);
  AddKey(&other.blind_index, 1, 0x55);
  keyring.classes.push_back(KeepClass(0, 3));
  return keyring;
}

Desk::Desk(const Keyring& keyring, std::string_view domain) {
  std::string problem;
  EXPECT_TRUE(BuildKeyTable(keyring, table.get(), &problem)) << problem;
  EXPECT_EQ(protector.Attach(*table, domain), Status::kOk);
}

Status Desk::Seal(uint16_t class_id, std::string_view text, Bytes* sealed, const SealOptions& options) {
  sealed->assign(Protector::SealedSize(text.size(), options), 0xAA);
  return WithKeys([&] { return protector.Seal(class_id, AsBytes(text), *sealed, options); });
}

Bytes Desk::Sealed(uint16_t class_id, std::string_view text, const SealOptions& options) {
  Bytes sealed;
  EXPECT_EQ(Seal(class_id, text, &sealed, options), Status::kOk);
  return sealed;
}

Status Desk::Reveal(ByteView sealed, std::string_view context, Bytes* buffer, size_t* size, bool* is_canary) {
  SealedValue value;
  Status status = ParseSealedValue(sealed, &value);
  buffer->clear();
  if (status != Status::kOk) return status;
  buffer->assign(value.plaintext_bound(), 0xAA);
  return WithKeys([&] { return protector.Reveal(value, AsBytes(context), *buffer, size, is_canary); });
}

std::string Desk::Revealed(ByteView sealed, std::string_view context) {
  Bytes buffer;
  size_t size = 0;
  Status status = Reveal(sealed, context, &buffer, &size);
  if (status != Status::kOk) return "<" + std::to_string(static_cast<int>(status)) + ">";
  return {reinterpret_cast<const char*>(buffer.data()), size};
}

Status Desk::Rewrap(ByteView sealed, std::string_view context, Bytes* rewrapped) {
  SealedValue value;
  Status status = ParseSealedValue(sealed, &value);
  if (status != Status::kOk) return status;
  rewrapped->assign(sealed.size(), 0xAA);
  return WithKeys([&] { return protector.Rewrap(value, AsBytes(context), *rewrapped); });
}

bool HoldsNoPlaintext(ByteView buffer) { return AllBytesAre(buffer, 0) || AllBytesAre(buffer, 0xAA); }

}  // namespace pii::test
