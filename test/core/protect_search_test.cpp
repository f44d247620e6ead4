// Search: blind index values of what is stored and of what somebody looks for.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <set>

#include "search_desk.h"

namespace pii {
namespace {

using test::Found;
using test::kDob;
using test::kEmail;
using test::kName;
using test::kNeverSearched;
using test::kPhone;
using test::kSecret;
using test::kSsn;
using test::kText;
using test::kUnknown;
using test::SearchDesk;
using test::SearchKeyring;
using Operand = Protector::Operand;
using Versions = std::vector<uint16_t>;

// The independent implementation's values.

Keyring VectorKeyring() {
  Keyring keyring;
  Domain& domain = keyring.domains["default"];
  test::AddKey(&domain.seal, 1, 0x01);
  for (uint16_t version : {1, 7, 65535}) test::AddKey(&domain.blind_index, version, 0x02);
  return keyring;
}

TEST(Protector, ComputesTheBlindIndexValueOfTheVectorFile) {
  auto records = test::RecordsWith(test::ReadRecords("sealed_values.txt"), "INDEX");
  ASSERT_EQ(records.size(), 2u);
  SearchDesk desk(VectorKeyring());
  for (test::Record& record : records) {
    Transform transform;
    ASSERT_TRUE(TransformByName(record["TRANSFORM"], &transform));
    auto class_id = static_cast<uint16_t>(std::stoi(record["CLASS"]));
    auto version = static_cast<uint16_t>(std::stoi(record["VERSION"]));
    // The normalised form of what is normalised already is itself, and a part alone is its own form.
    Found found = desk.Query(class_id, version, transform, {kText, record["NORMALIZED"]});
    ASSERT_EQ(found.status, Status::kOk);
    EXPECT_EQ(test::ToHex(found.value), record["INDEX"]);
  }
}

TEST(Protector, FindsTheSearchFormsOfTheVectorFile) {
  auto records = test::RecordsWith(test::ReadRecords("search_forms.txt"), "TRANSFORM");
  std::map<std::string, size_t> seen;
  SearchDesk desk(VectorKeyring());
  for (test::Record& record : records) {
    SCOPED_TRACE(record["NAME"]);
    Transform transform;
    ASSERT_TRUE(TransformByName(record["TRANSFORM"], &transform));
    ++seen[record["TRANSFORM"]];
    auto class_id = static_cast<uint16_t>(std::stoi(record["CLASS"]));
    auto version = static_cast<uint16_t>(std::stoi(record["VERSION"]));
    if (record.contains("ERROR")) {
      Status expected = record["ERROR"] == "no part" ? Status::kNoPart : Status::kNotSearchable;
      EXPECT_EQ(desk.Index(class_id, version, transform, record["VALUE"]).status, expected);
      continue;
    }
    if (transform == Transform::kWord) {
      std::vector<BlindIndexValue> words(16);
      size_t count = 0;
      ASSERT_EQ(desk.Words(class_id, version, record["VALUE"], words, &count), Status::kOk);
      words.resize(count);
      std::string all;
      for (const BlindIndexValue& word : words) all += (all.empty() ? "" : " ") + test::ToHex(word);
      EXPECT_EQ(all, record["INDEX"]);
      continue;
    }
    Found found = desk.Index(class_id, version, transform, record["VALUE"]);
    ASSERT_EQ(found.status, Status::kOk);
    EXPECT_EQ(test::ToHex(found.value), record["INDEX"]);
    EXPECT_EQ(desk.Query(class_id, version, transform, {kText, record["VALUE"]}), found);
    EXPECT_EQ(desk.Query(class_id, version, transform, {class_id, record["VALUE"]}), found);
    if (!record.contains("SOUGHT")) continue;
    EXPECT_EQ(desk.Query(class_id, version, transform, {kText, record["SOUGHT"]}), found);
  }
  for (Transform transform : kTransforms) {
    EXPECT_GE(seen[std::string(TransformName(transform))], 2u) << TransformName(transform);
  }
}

// Versions.

TEST(Protector, SearchesThePrimaryIndexVersionFirstAndAllThatAreEnabled) {
  SearchDesk desk;
  auto versions = [&] {
    return Versions(desk.protector.index_versions().begin(), desk.protector.index_versions().end());
  };
  EXPECT_EQ(versions(), (Versions{2, 1, 7}));

  auto attach = [&](const Keyring& keyring, std::string_view domain) {
    std::string problem;
    EXPECT_TRUE(BuildKeyTable(keyring, desk.table.get(), &problem)) << problem;
    return desk.protector.Attach(*desk.table, domain);
  };
  Keyring promoted = SearchKeyring();
  KeySet& keys = promoted.domains.at("default").blind_index;
  keys.primary = 7;
  keys.versions.at(3).status = KeyStatus::kEnabled;
  keys.versions.at(1).status = KeyStatus::kDisabled;
  ASSERT_EQ(attach(promoted, "default"), Status::kOk);
  EXPECT_EQ(versions(), (Versions{7, 2, 3}));

  ASSERT_EQ(attach(test::MakeKeyring(), "default"), Status::kOk);
  EXPECT_EQ(versions(), (Versions{1}));
  ASSERT_EQ(attach(SearchKeyring(), "nowhere"), Status::kUnknownDomain);
  EXPECT_EQ(versions(), Versions{});
}

TEST(Protector, IndexesUnderEachVersion) {
  SearchDesk desk;
  std::set<BlindIndexValue> values;
  for (uint16_t version : desk.protector.index_versions()) {
    Found found = desk.Index(kSsn, version, Transform::kExact, "123-45-6789");
    ASSERT_EQ(found.status, Status::kOk) << version;
    EXPECT_EQ(LoadBigEndian16(found.value.data()), version);
    EXPECT_EQ(desk.Query(kSsn, version, Transform::kExact, {kText, "123456789"}), found) << version;
    StoreBigEndian16(found.value.data(), 0);
    values.insert(found.value);
  }
  EXPECT_EQ(values.size(), 3u) << "each version has a key of its own";
  for (auto [version, expected] : {std::pair<uint16_t, Status>{3, Status::kKeyDisabled},
                                   {4, Status::kKeyDestroyed},
                                   {0, Status::kUnknownKeyVersion},
                                   {5, Status::kUnknownKeyVersion},
                                   {65535, Status::kUnknownKeyVersion}}) {
    EXPECT_EQ(desk.Index(kSsn, version, Transform::kExact, "123-45-6789").status, expected) << version;
    EXPECT_EQ(desk.Query(kSsn, version, Transform::kExact, {kText, "123-45-6789"}).status, expected)
        << version;
    BlindIndexValue word;
    size_t count;
    EXPECT_EQ(desk.Words(kName, version, "jane", {&word, 1}, &count), expected) << version;
  }
}

// An index built before a rotation is searched after it.
TEST(Protector, GivesTheSameValueUnderAVersionThatIsNoLongerPrimary) {
  SearchDesk desk;
  Keyring promoted = SearchKeyring();
  promoted.domains.at("default").blind_index.primary = 7;
  SearchDesk later(promoted);
  for (uint16_t version : {1, 2, 7}) {
    EXPECT_EQ(desk.Index(kName, version, Transform::kInitials, "Jane Doe"),
              later.Index(kName, version, Transform::kInitials, "Jane Doe"));
  }
}

// Index values.

TEST(Protector, GivesEqualIndexValuesForEqualNormalizedValues) {
  SearchDesk desk;
  SearchDesk other(SearchKeyring(), "eu-west");
  auto index = [](SearchDesk& at, uint16_t class_id, std::string_view text) {
    Found found = at.Index(class_id, 2, Transform::kExact, text);
    EXPECT_EQ(found.status, Status::kOk);
    return found;
  };
  EXPECT_EQ(index(desk, kSsn, "123-45-6789"), index(desk, kSsn, "１２３ ４５ ６７８９"));
  EXPECT_EQ(index(desk, kName, "Zoe\u0308  DOE"), index(desk, kName, " zo\u00eb doe "));
  EXPECT_NE(index(desk, kSsn, "123-45-6789"), index(desk, kSsn, "123-45-6780"));
  EXPECT_NE(index(desk, kSsn, "123-45-6789"), index(desk, kText, "123456789"));
  EXPECT_NE(index(desk, kSsn, "123-45-6789"), index(other, kSsn, "123-45-6789"));
  EXPECT_EQ(index(desk, kText, ""), index(desk, kText, ""));
}

// An index of one part must not be one of another, or of whole values: who reads one learns of the other.
TEST(Protector, SeparatesTransforms) {
  SearchDesk desk;
  constexpr uint16_t kCustomText = kFirstCustomClass + static_cast<int>(Normalizer::kNfc);
  std::set<BlindIndexValue> values;
  for (Transform transform : {Transform::kExact, Transform::kLast4, Transform::kYear}) {
    Found found = desk.Index(kCustomText, 2, transform, "1980");
    ASSERT_EQ(found.status, Status::kOk);
    values.insert(found.value);
  }
  BlindIndexValue word;
  size_t count;
  ASSERT_EQ(desk.Words(kCustomText, 2, "1980", {&word, 1}, &count), Status::kOk);
  values.insert(word);
  EXPECT_EQ(values.size(), 4u);
}

TEST(Protector, IndexesNoSecretsAndNoMalformedText) {
  SearchDesk desk;
  auto index = [&](uint16_t class_id, Transform transform, std::string_view text, size_t room) {
    Found indexed = desk.Index(class_id, 2, transform, text, room);
    EXPECT_EQ(desk.Query(class_id, 2, transform, {class_id, text}, room).status, indexed.status);
    EXPECT_TRUE(indexed.status == Status::kOk || test::AllBytesAre(indexed.value, 0)) << "a value after all";
    return indexed.status;
  };
  EXPECT_EQ(index(kSecret, Transform::kExact, "abc", 64), Status::kNotSearchable);
  EXPECT_EQ(index(kNeverSearched, Transform::kExact, "abc", 64), Status::kNotSearchable);
  EXPECT_EQ(index(kUnknown, Transform::kExact, "abc", 64), Status::kUnknownClass);
  EXPECT_EQ(index(kSsn, Transform::kDomain, "123-45-6789", 64), Status::kNotSearchable);
  EXPECT_EQ(index(kName, Transform::kWord, "Jane Doe", 64), Status::kNotSearchable);
  EXPECT_EQ(index(kSsn, Transform::kLast4, "123-45-67", 64), Status::kNoPart);
  EXPECT_EQ(index(kText, Transform::kExact, "\xff", 64), Status::kInvalidUtf8);
  EXPECT_EQ(index(kText, Transform::kExact, "abc", 2), Status::kBufferTooSmall);
  EXPECT_EQ(index(kText, Transform::kExact, "abc", 3), Status::kOk);
}

// Query values.

TEST(Protector, FindsByThePartAlone) {
  SearchDesk desk;
  const struct {
    uint16_t class_id;
    Transform transform;
    const char* stored;
    const char* sought;
  } kSearches[] = {
      {kSsn, Transform::kLast4, "123-45-6789", "６７８９"},
      {kPhone, Transform::kLast4, "+1 212 555 0123", "01-23"},
      {kEmail, Transform::kDomain, "Jane@Example.com", "EXAMPLE.COM"},
      {kEmail, Transform::kLocal, "Jane@Example.com", "jane"},
      {kDob, Transform::kYear, "1980-05-06", "1980"},
      {kName, Transform::kInitials, "Jane Doe", "JD"},
  };
  for (const auto& [class_id, transform, stored, sought] : kSearches) {
    Found indexed = desk.Index(class_id, 2, transform, stored);
    ASSERT_EQ(indexed.status, Status::kOk) << stored;
    for (uint16_t sought_class : {kText, class_id}) {
      EXPECT_EQ(desk.Query(class_id, 2, transform, {sought_class, sought}), indexed) << sought;
      EXPECT_EQ(desk.Query(class_id, 2, transform, {sought_class, stored}), indexed) << sought;
    }
  }
}

TEST(Protector, RefusesWhatTheClassOfTheOperandDoesNotAllow) {
  SearchDesk desk;
  auto query = [&](uint16_t class_id, Transform transform, const Operand& sought) {
    return desk.Query(class_id, 2, transform, sought).status;
  };
  EXPECT_EQ(query(kSsn, Transform::kExact, {kSecret, "123-45-6789"}), Status::kNotSearchable);
  EXPECT_EQ(query(kSsn, Transform::kExact, {kNeverSearched, "123-45-6789"}), Status::kNotSearchable);
  EXPECT_EQ(query(kSecret, Transform::kExact, {kText, "123-45-6789"}), Status::kNotSearchable);
  EXPECT_EQ(query(kSsn, Transform::kLast4, {kName, "123-45-6789"}), Status::kNotSearchable);
  EXPECT_EQ(query(kSsn, Transform::kLast4, {kPhone, "123-45-6789"}), Status::kOk);
  EXPECT_EQ(query(kSsn, Transform::kExact, {kUnknown, "123-45-6789"}), Status::kUnknownClass);
  EXPECT_EQ(query(kUnknown, Transform::kExact, {kText, "123-45-6789"}), Status::kUnknownClass);
  EXPECT_EQ(query(kSsn, Transform::kExact, {kText, "\xff"}), Status::kInvalidUtf8);
}

// An index scan and a filter with = must find the same rows, whatever class the sought value is of.
TEST(Protector, QueryValueIsTheIndexValueExactlyOfEqualValues) {
  SearchDesk desk;
  const std::vector<PiiClass> kClasses = test::SearchableClasses();
  test::Specimens specimens(140);
  size_t equal_in_class = 0, equal_across = 0, unequal = 0;
  for (int i = 0; i < 40'000; ++i) {
    const PiiClass& column = kClasses[specimens.Below(kClasses.size())];
    const PiiClass& own = specimens.OneIn(3) ? column : kClasses[specimens.Below(kClasses.size())];
    // Class text: SearchesColumnsOfClassText.
    if (column.id == kText && own.id != kText) continue;
    test::SpelledTwice value = test::SpellTwice(&specimens, column, own);
    bool equal = desk.AreEqual({column.id, value.one}, {own.id, value.other});
    Found indexed = desk.Index(column.id, 2, Transform::kExact, value.one);
    Found queried = desk.Query(column.id, 2, Transform::kExact, {own.id, value.other});
    ASSERT_EQ(indexed.status, Status::kOk);
    ASSERT_EQ(queried.status, Status::kOk);
    ASSERT_EQ(queried == indexed, equal)
        << column.name() << " " << value.one << ", " << own.name() << " " << value.other;
    ++(!equal ? unequal : column.id == own.id ? equal_in_class : equal_across);
  }
  EXPECT_GT(equal_in_class, 5'000u);
  EXPECT_GT(equal_across, 5'000u);
  EXPECT_GT(unequal, 5'000u);
}

// A stored value of class text is indexed by NFC, and Equal takes it for one of the other's class: an index
// of such a column cannot serve a value that has a class. It has to say so, or find what Equal finds.
TEST(Protector, SearchesColumnsOfClassTextAsEqualDoesOrNotAtAll) {
  SearchDesk desk;
  const struct {
    const char* stored;
    Operand sought;
  } kSearches[] = {{"123-45-6789", {kSsn, "123456789"}},
                   {"123-45-6789", {kSsn, "123-45-6789"}},
                   {"Jane Doe", {kName, "jane doe"}},
                   {"jane doe", {kName, "jane doe"}}};
  for (const auto& [stored, sought] : kSearches) {
    bool equal = desk.AreEqual({kText, stored}, sought);
    Found indexed = desk.Index(kText, 2, Transform::kExact, stored);
    Found queried = desk.Query(kText, 2, Transform::kExact, sought);
    EXPECT_TRUE(queried.status == Status::kNotSearchable || (queried == indexed) == equal)
        << stored << ", " << sought.plaintext << ": equal is " << equal;
  }
}

// Words.

TEST(Protector, IndexesEachWordInOrder) {
  SearchDesk desk;
  std::vector<BlindIndexValue> words(8);
  size_t count = 0;
  ASSERT_EQ(desk.Words(kName, 2, "Anna-Lena  DOE, Anna", words, &count), Status::kOk);
  ASSERT_EQ(count, 4u);
  EXPECT_EQ(words[0], words[3]) << "a word again is the same value";
  EXPECT_EQ(std::set<BlindIndexValue>(words.begin(), words.begin() + 4).size(), 3u);
  EXPECT_TRUE(test::AllBytesAre(words[4], 0)) << "written beyond the count";

  for (auto [text, index] : {std::pair<const char*, size_t>{"anna", 0}, {"ＬＥＮＡ", 1}, {" doe.", 2}}) {
    BlindIndexValue word;
    ASSERT_EQ(desk.Words(kName, 2, text, {&word, 1}, &count), Status::kOk);
    ASSERT_EQ(count, 1u);
    EXPECT_EQ(word, words[index]) << text;
  }
  for (const char* text : {"", " - ", "👩"}) {
    EXPECT_EQ(desk.Words(kName, 2, text, {}, &count), Status::kOk) << text;
    EXPECT_EQ(count, 0u) << text;
  }
}

TEST(Protector, TellsHowManyWordsThereAre) {
  SearchDesk desk;
  std::vector<BlindIndexValue> all(3);
  size_t count = 0;
  ASSERT_EQ(desk.Words(kName, 2, "one two three", all, &count), Status::kOk);
  for (size_t room = 0; room < 3; ++room) {
    std::vector<BlindIndexValue> words(3);
    EXPECT_EQ(desk.Words(kName, 2, "one two three", std::span(words).first(room), &count),
              Status::kBufferTooSmall);
    ASSERT_EQ(count, 3u);
    for (size_t i = room; i < 3; ++i)
      EXPECT_TRUE(test::AllBytesAre(words[i], 0)) << "written beyond the room";
    ASSERT_EQ(desk.Words(kName, 2, "one two three", std::span(words).first(count), &count), Status::kOk);
    EXPECT_EQ(words, all);
  }
}

TEST(Protector, IndexesNoWordsOfOtherClasses) {
  SearchDesk desk;
  BlindIndexValue word;
  size_t count = 7;
  auto words = [&](uint16_t class_id, std::string_view text, size_t room) {
    return desk.Words(class_id, 2, text, {&word, 1}, &count, room);
  };
  for (uint16_t class_id : {kText, kSsn, kEmail, kSecret, kNeverSearched}) {
    EXPECT_EQ(words(class_id, "jane", 64), Status::kNotSearchable) << class_id;
    EXPECT_EQ(count, 0u);
  }
  EXPECT_EQ(words(kUnknown, "jane", 64), Status::kUnknownClass);
  EXPECT_EQ(words(kName, "jane\xff", 64), Status::kInvalidUtf8);
  EXPECT_EQ(count, 0u);
  EXPECT_EQ(words(kName, "jane", 3), Status::kBufferTooSmall);
}

// Keys.

TEST(Protector, AsksForEachIndexKeyAndLeavesTheValueAlone) {
  SearchDesk desk;
  auto expect_missing = [&](Status status, uint16_t class_id, uint16_t version) {
    EXPECT_EQ(status, Status::kKeyNotPrepared);
    EXPECT_EQ(desk.protector.missing().purpose, Purpose::kBlindIndex);
    EXPECT_EQ(desk.protector.missing().class_id, class_id);
    EXPECT_EQ(desk.protector.missing().version, version);
  };
  char scratch[256];
  BlindIndexValue value{};
  size_t count;
  expect_missing(desk.protector.IndexValue(kSsn, 2, Transform::kLast4, "123-45-6789", scratch, &value), kSsn,
                 2);
  // By the column's key, whatever class the sought value is of.
  expect_missing(
      desk.protector.QueryValue(kSsn, 7, Transform::kExact, {kPhone, "123-45-6789"}, scratch, &value), kSsn,
      7);
  expect_missing(desk.protector.IndexWords(kName, 1, "Jane Doe", scratch, {&value, 1}, &count), kName, 1);
  EXPECT_TRUE(test::AllBytesAre(value, 0));
}

TEST(Protector, ForgetsTheKeysOfSearchWhenAttachedAgain) {
  SearchDesk desk;
  desk.Hashed({kSsn, "123-45-6789"});
  ASSERT_EQ(desk.Index(kSsn, 2, Transform::kExact, "123-45-6789").status, Status::kOk);
  ASSERT_EQ(desk.protector.Attach(*desk.table, "us-east"), Status::kOk);
  uint64_t hash;
  char scratch[256];
  BlindIndexValue value;
  EXPECT_EQ(desk.protector.Hash({kSsn, "123-45-6789"}, &hash), Status::kKeyNotPrepared);
  EXPECT_EQ(desk.protector.IndexValue(kSsn, 2, Transform::kExact, "123-45-6789", scratch, &value),
            Status::kKeyNotPrepared);
}

// design.md §5.7: derived keys are per process and never survive a fork.
TEST(Protector, HasNoKeysOfSearchAfterAFork) {
  SearchDesk desk;
  char scratch[256];
  uint64_t hash = 0;
  BlindIndexValue value;
  size_t count;
  auto hash_one = [&] { return desk.protector.Hash({kSsn, "123-45-6789"}, &hash); };
  auto query = [&] {
    return desk.protector.QueryValue(kSsn, 2, Transform::kLast4, {kText, "6789"}, scratch, &value);
  };
  auto index_words = [&] {
    return desk.protector.IndexWords(kName, 2, "Jane", scratch, {&value, 1}, &count);
  };
  ASSERT_EQ(desk.WithKeys(hash_one), Status::kOk);
  ASSERT_EQ(desk.WithKeys(query), Status::kOk);
  ASSERT_EQ(desk.WithKeys(index_words), Status::kOk);
  uint64_t parents = hash;
  pid_t child = fork();
  if (child == 0) {
    bool forgotten = hash_one() == Status::kKeyNotPrepared && query() == Status::kKeyNotPrepared &&
                     index_words() == Status::kKeyNotPrepared;
    hash = 0;
    _exit(forgotten && desk.WithKeys(hash_one) == Status::kOk && hash == parents ? 0 : 1);
  }
  int wait_status = 0;
  ASSERT_EQ(waitpid(child, &wait_status, 0), child);
  EXPECT_EQ(wait_status, 0);
  EXPECT_EQ(hash_one(), Status::kOk) << "the parent keeps its keys";
}

}  // namespace
}  // namespace pii
