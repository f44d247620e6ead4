// Which keys a protector has, and when it has none.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "desk.h"

namespace pii {
namespace {

using test::Bytes;
using test::Desk;
using test::HoldsNoPlaintext;
using test::kCustom;
using test::kName;
using test::kSsn;
using test::MakeKeyring;

TEST(Protector, AsksForEachKeyOnceAndChangesNothingUntilThen) {
  Desk desk(MakeKeyring());
  Bytes sealed(57, 0xAA);
  ASSERT_EQ(desk.protector.Seal(kSsn, AsBytes("123-45-6789"), sealed), Status::kKeyNotPrepared);
  EXPECT_TRUE(test::AllBytesAre(sealed, 0xAA));
  EXPECT_EQ(desk.protector.missing().purpose, Purpose::kSeal);
  EXPECT_EQ(desk.protector.missing().class_id, kSsn);
  EXPECT_EQ(desk.protector.missing().version, 4);
  ASSERT_EQ(desk.protector.Prepare(*desk.table, desk.protector.missing()), Status::kOk);
  ASSERT_EQ(desk.protector.Seal(kSsn, AsBytes("123-45-6789"), sealed), Status::kOk);

  Bytes name(60);
  ASSERT_EQ(desk.protector.Seal(kName, AsBytes("Jane Anne Doe!"), name), Status::kKeyNotPrepared);
  EXPECT_EQ(desk.protector.missing().class_id, kName);

  char scratch[64];
  BlindIndexValue value;
  ASSERT_EQ(desk.protector.IndexValue(kSsn, 1, Transform::kExact, "123-45-6789", scratch, &value),
            Status::kKeyNotPrepared);
  EXPECT_EQ(desk.protector.missing().purpose, Purpose::kBlindIndex);
  EXPECT_EQ(desk.protector.missing().class_id, kSsn);
  EXPECT_EQ(desk.protector.missing().version, 1);
  ASSERT_EQ(desk.protector.Prepare(*desk.table, desk.protector.missing()), Status::kOk);
  ASSERT_EQ(desk.protector.IndexValue(kSsn, 1, Transform::kExact, "123-45-6789", scratch, &value),
            Status::kOk);
  // The keys that were there stay there.
  Bytes buffer(11);
  size_t size;
  SealedValue parsed;
  ASSERT_EQ(ParseSealedValue(sealed, &parsed), Status::kOk);
  EXPECT_EQ(desk.protector.Reveal(parsed, {}, buffer, &size), Status::kOk);
}

// The last key used is kept by address: preparing it again must not leave that address behind.
TEST(Protector, WorksOnWhenAKeyIsPreparedAgain) {
  Desk desk(MakeKeyring());
  Bytes sealed = desk.Sealed(kSsn, "123-45-6789");
  ASSERT_EQ(desk.protector.Prepare(*desk.table, {Purpose::kSeal, kSsn, 4}), Status::kOk);
  EXPECT_EQ(desk.Revealed(sealed), "123-45-6789");
  EXPECT_EQ(desk.Revealed(desk.Sealed(kSsn, "987-65-4321")), "987-65-4321");
}

TEST(Protector, ForgetsKeysWhenAttachedAgain) {
  Desk desk(MakeKeyring());
  Bytes sealed = desk.Sealed(kSsn, "123-45-6789");
  SealedValue value;
  ASSERT_EQ(ParseSealedValue(sealed, &value), Status::kOk);
  Bytes buffer(11);
  size_t size;
  ASSERT_EQ(desk.protector.Reveal(value, {}, buffer, &size), Status::kOk);

  Keyring disabled = MakeKeyring();
  KeySet& seal = disabled.domains.at("default").seal;
  seal.primary = 3;
  seal.versions.at(4).status = KeyStatus::kDisabled;
  std::string problem;
  ASSERT_TRUE(BuildKeyTable(disabled, desk.table.get(), &problem));
  ASSERT_EQ(desk.protector.Attach(*desk.table, "default"), Status::kOk);
  ASSERT_EQ(desk.protector.Reveal(value, {}, buffer, &size), Status::kKeyNotPrepared);
  EXPECT_EQ(desk.protector.Prepare(*desk.table, desk.protector.missing()), Status::kKeyDisabled);
  EXPECT_EQ(desk.protector.seal_primary(), 3);
}

TEST(Protector, HasNoDomainAfterAFailedAttach) {
  Desk desk(MakeKeyring());
  Bytes sealed = desk.Sealed(kCustom, "M-0001");
  ASSERT_EQ(desk.protector.Attach(*desk.table, "nowhere"), Status::kUnknownDomain);
  EXPECT_EQ(desk.protector.Prepare(*desk.table, {Purpose::kSeal, kSsn, 4}), Status::kUnknownDomain);
  EXPECT_EQ(desk.protector.seal_primary(), 0);
  EXPECT_TRUE(desk.protector.custom_classes().empty());
  Bytes out;
  EXPECT_EQ(desk.Seal(kSsn, "123-45-6789", &out), Status::kUnknownDomain);
}

// design.md §5.7: derived keys are per process and never survive a fork.
TEST(Protector, HasNoKeysAfterAFork) {
  Desk desk(MakeKeyring());
  Bytes sealed = desk.Sealed(kSsn, "123-45-6789");
  SealedValue value;
  ASSERT_EQ(ParseSealedValue(sealed, &value), Status::kOk);
  char scratch[64];
  BlindIndexValue index;
  auto compute_index = [&] {
    return desk.protector.IndexValue(kSsn, 1, Transform::kExact, "123-45-6789", scratch, &index);
  };
  ASSERT_EQ(desk.WithKeys(compute_index), Status::kOk);
  pid_t child = fork();
  if (child == 0) {
    Bytes buffer(11);
    size_t size;
    bool forgotten = compute_index() == Status::kKeyNotPrepared &&
                     desk.protector.Reveal(value, {}, buffer, &size) == Status::kKeyNotPrepared;
    _exit(forgotten && desk.Revealed(sealed) == "123-45-6789" ? 0 : 1);
  }
  int wait_status = 0;
  ASSERT_EQ(waitpid(child, &wait_status, 0), child);
  EXPECT_EQ(wait_status, 0);
  EXPECT_EQ(desk.Revealed(sealed), "123-45-6789");
}

TEST(Protector, SealsWithOtherNoncesAfterAFork) {
  Desk desk(MakeKeyring());
  desk.Sealed(kSsn, "123-45-6789");
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0) {
    Bytes sealed = desk.Sealed(kSsn, "123-45-6789");
    _exit(write(ends[1], sealed.data(), sealed.size()) == static_cast<ssize_t>(sealed.size()) ? 0 : 1);
  }
  close(ends[1]);
  Bytes parents = desk.Sealed(kSsn, "123-45-6789");
  Bytes childs(parents.size());
  ASSERT_EQ(read(ends[0], childs.data(), childs.size()), static_cast<ssize_t>(childs.size()));
  close(ends[0]);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_FALSE(std::equal(childs.begin() + 6, childs.begin() + 18, parents.begin() + 6));
  EXPECT_EQ(desk.Revealed(childs), "123-45-6789");
}

TEST(Protector, NamesWhatBecameOfAKey) {
  Desk desk(MakeKeyring());
  const Bytes sealed = desk.Sealed(kSsn, "123-45-6789");
  for (auto [version, expected] : {std::pair<uint16_t, Status>{1, Status::kKeyDisabled},
                                   {2, Status::kKeyDestroyed},
                                   {5, Status::kUnknownKeyVersion},
                                   {65535, Status::kUnknownKeyVersion}}) {
    Bytes other = sealed;
    StoreBigEndian16(&other[4], version);
    Bytes buffer;
    size_t size;
    EXPECT_EQ(desk.Reveal(other, {}, &buffer, &size), expected) << version;
    EXPECT_TRUE(HoldsNoPlaintext(buffer));
    Bytes rewrapped;
    EXPECT_EQ(desk.Rewrap(other, {}, &rewrapped), expected) << version;
    EXPECT_TRUE(HoldsNoPlaintext(rewrapped));
  }
  for (Purpose purpose : {Purpose::kToken, Purpose::kAuditHash, Purpose::kCheckValue}) {
    EXPECT_EQ(desk.protector.Prepare(*desk.table, {purpose, kSsn, 4}), Status::kUnknownKeyVersion);
  }
}

TEST(Protector, RefusesAnUnknownDomain) {
  Desk desk(MakeKeyring());
  for (std::string_view domain : {"", "Default", "defaul", "default "}) {
    Protector protector;
    EXPECT_EQ(protector.Attach(*desk.table, domain), Status::kUnknownDomain);
  }
  // A domain that the next keyring no longer has.
  Keyring other = MakeKeyring();
  other.domains.erase("default");
  std::string problem;
  ASSERT_TRUE(BuildKeyTable(other, desk.table.get(), &problem));
  EXPECT_EQ(desk.protector.Prepare(*desk.table, {Purpose::kSeal, kSsn, 4}), Status::kUnknownDomain);
}

TEST(Protector, ReadsTwoVersionsAtOnce) {
  Keyring before = MakeKeyring();
  before.domains.at("default").seal.primary = 3;
  Desk old_desk(before);
  Desk desk(MakeKeyring());
  for (int i = 0; i < 3; ++i) {
    Bytes older = old_desk.Sealed(kSsn, "123-45-6789");
    Bytes newer = desk.Sealed(kSsn, "987-65-4321");
    EXPECT_EQ(LoadBigEndian16(&older[4]), 3);
    EXPECT_EQ(LoadBigEndian16(&newer[4]), 4);
    EXPECT_EQ(desk.Revealed(older), "123-45-6789");
    EXPECT_EQ(desk.Revealed(newer), "987-65-4321");
  }
}

TEST(Protector, FindsClassesByIdAndName) {
  Desk desk(MakeKeyring());
  for (const PiiClass& builtin : BuiltinClasses()) {
    EXPECT_EQ(desk.protector.FindClass(builtin.id), &builtin);
    EXPECT_EQ(desk.protector.FindClass(builtin.name()), &builtin);
  }
  ASSERT_NE(desk.protector.FindClass(kCustom), nullptr);
  EXPECT_EQ(desk.protector.FindClass(kCustom), desk.protector.FindClass("keep_0_3"));
  EXPECT_EQ(desk.protector.FindClass("nothing"), nullptr);
  EXPECT_EQ(desk.protector.custom_classes().size(), 1u);
}

}  // namespace
}  // namespace pii
