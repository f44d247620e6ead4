#include "discover.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "specimen.h"

namespace pii {
namespace {

using Values = std::function<std::string(int)>;

ColumnSample SampleOf(const Values& values, int count) {
  ColumnSample sample{};
  for (int i = 0; i < count; ++i) NoteValue(values(i), &sample);
  return sample;
}

Discovery DiscoverIn(const char* column, const Values& values, int count = 100, bool of_persons = true) {
  return Discover(HintOfColumn(column), of_persons, SampleOf(values, count));
}

uint16_t Id(const char* class_name) { return test::BuiltinClass(class_name).id; }

Values Constant(const char* value) {
  return [value](int) { return value; };
}

TEST(Discover, FollowsNameAndValues) {
  Discovery ssn = DiscoverIn("ssn", [](int i) { return "999-10-" + std::to_string(1000 + i); });
  EXPECT_EQ(ssn.class_id, Id("ssn"));
  EXPECT_EQ(ssn.matches, 100);
  EXPECT_TRUE(ssn.by_name);
  EXPECT_TRUE(ssn.by_values);
  EXPECT_EQ(DiscoverIn("birthdate", Constant("5/25/1989")).class_id, Id("dob"));
  EXPECT_EQ(DiscoverIn("drivers", Constant("S99984236")).class_id, Id("driver_license"));
}

TEST(Discover, DoesWithoutANameWhatChanceDoesNotGive) {
  Discovery card = DiscoverIn("a", Constant("4111111111111111"), 5);
  EXPECT_EQ(card.class_id, Id("pan"));
  EXPECT_FALSE(card.by_name);
  EXPECT_EQ(DiscoverIn("a", Constant("jane@example.org"), 3).class_id, Id("email"));
  EXPECT_EQ(DiscoverIn("note", Constant("DE89370400440532013000"), 3).class_id, Id("iban"));
  EXPECT_EQ(DiscoverIn("bank_account", Constant("DE89370400440532013000")).class_id, Id("iban"));
  EXPECT_EQ(DiscoverIn("a", Constant("+49 30 1234567"), 5).class_id, Id("phone"));
  EXPECT_EQ(DiscoverIn(
                "a", [](int i) { return "123-45-" + std::to_string(1000 + i); }, 20)
                .class_id,
            Id("ssn"));
}

TEST(Discover, WantsMoreValuesWhereChanceGivesSome) {
  Values random = [](int i) { return std::to_string(100 + i * 9 % 900) + "-45-" + std::to_string(1000 + i); };
  EXPECT_EQ(DiscoverIn("a", random, 100).class_id, kTextClass) << "a tenth is in no area";
  EXPECT_EQ(DiscoverIn("a", Constant("123-45-6789"), 19).class_id, kTextClass);
  EXPECT_EQ(DiscoverIn("part_no", Constant("123-45-6789"), 100).class_id, kTextClass) << "a name of things";
}

TEST(Discover, IsContradictedByValues) {
  EXPECT_EQ(DiscoverIn("ssn", Constant("yes")).class_id, kTextClass);
  EXPECT_EQ(DiscoverIn("birthplace", Constant("Danvers  Massachusetts  US")).class_id, kTextClass);
  EXPECT_EQ(DiscoverIn("zip", Constant("archive.zip")).class_id, kTextClass);
  EXPECT_EQ(DiscoverIn("drivers", Constant("nvidia")).class_id, kTextClass);
  EXPECT_EQ(DiscoverIn("address", Constant("0x71C7656EC7ab88b098defB751B7401B5f6d8976F")).class_id,
            kTextClass);
  EXPECT_EQ(DiscoverIn("phone", Constant("jane@example.org")).class_id, Id("email"));
}

TEST(Discover, TakesNamesOnlyInTablesOfPersons) {
  EXPECT_EQ(DiscoverIn("name", Constant("Oak table"), 100, false).class_id, kTextClass);
  EXPECT_EQ(DiscoverIn("name", Constant("Jane Doe"), 100, true).class_id, Id("name"));
  EXPECT_EQ(DiscoverIn("last_name", Constant("Doe"), 100, false).class_id, Id("name"));
}

TEST(Discover, LeavesThingsAlone) {
  EXPECT_EQ(DiscoverIn("order_no", [](int i) { return std::to_string(100000000 + i); }).class_id, kTextClass);
  EXPECT_EQ(DiscoverIn("version", Constant("10.200.9.50")).class_id, kTextClass);
  EXPECT_EQ(DiscoverIn("a", Constant("4.2.1.10")).class_id, kTextClass);
  EXPECT_EQ(DiscoverIn("ordered_on", Constant("2024-01-31")).class_id, kTextClass);
  EXPECT_EQ(DiscoverIn("amount", Constant("10000")).class_id, kTextClass);
  EXPECT_EQ(
      DiscoverIn("tracking", [](int i) { return std::to_string(4000000000000000 + i * 10 + 1); }).class_id,
      kTextClass);
  EXPECT_EQ(DiscoverIn("product", Constant("5 way valve")).class_id, kTextClass);
}

TEST(Discover, SkipsWhatStandsForNothing) {
  Values half = [](int i) { return i % 2 == 0 ? "0" : "1013"; };
  Discovery zip = DiscoverIn("ZIP", half);
  EXPECT_EQ(zip.class_id, Id("postcode"));
  EXPECT_EQ(zip.matches, 50);
  for (const char* nothing : {"", " ", "-", "0", "000", "N/A", "none", "?", "Unknown"}) {
    EXPECT_EQ(SampleOf(Constant(nothing), 1).values, 0) << nothing;
  }
}

TEST(Discover, TakesTheNameOfAnEmptyColumn) {
  Discovery empty = DiscoverIn("ssn", Constant(""));
  EXPECT_EQ(empty.class_id, Id("ssn"));
  EXPECT_FALSE(empty.by_values);
  EXPECT_EQ(DiscoverIn("name", Constant("")).class_id, kTextClass);
}

TEST(Discover, NamesFormsOfRareValues) {
  EXPECT_NE(FormsOfRareValues(Id("ssn")) & Bit(ValueForm::kSsn), FormSet{0});
  EXPECT_EQ(FormsOfRareValues(Id("name")), FormSet{0});
  EXPECT_EQ(FormsOfRareValues(Id("dob")), FormSet{0});
}

}  // namespace
}  // namespace pii
