#include "value_form.h"

#include <gtest/gtest.h>

#include <string>

namespace pii {
namespace {

bool Has(std::string_view value, ValueForm form) { return (FormsOf(value) & Bit(form)) != 0; }

TEST(ValueForm, KnowsEmail) {
  EXPECT_TRUE(Has("jane.doe+x@example.co.uk", ValueForm::kEmail));
  EXPECT_TRUE(Has(" jörg@bücher.example ", ValueForm::kEmail));
  for (const char* none : {"jane@localhost", "git@github.com:pii/pii", "@example.org", "a@b@example.org",
                           "jane@.org", "<id@example.org>", "jane doe@example.org", "jane@10.0.0.1"}) {
    EXPECT_FALSE(Has(none, ValueForm::kEmail)) << none;
  }
}

// The examples of ISO 13616's registry, and each with its last digit changed.
TEST(ValueForm, ChecksIban) {
  EXPECT_TRUE(Has("DE89370400440532013000", ValueForm::kIban));
  EXPECT_TRUE(Has("gb29 NWBK 6016 1331 9268 19", ValueForm::kIban));
  EXPECT_FALSE(Has("DE89370400440532013001", ValueForm::kIban));
  EXPECT_FALSE(Has("GB29NWBK60161331926818", ValueForm::kIban));
}

// The test cards of the networks.
TEST(ValueForm, ChecksCards) {
  for (const char* card :
       {"4111111111111111", "4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005",
        "6011111111111117", "3530111333300000", "30569309025904", "2223003122003222"}) {
    EXPECT_TRUE(Has(card, ValueForm::kCard)) << card;
  }
  EXPECT_FALSE(Has("4111111111111112", ValueForm::kCard)) << "Luhn digit";
  EXPECT_FALSE(Has("4.111.111.111.111.111", ValueForm::kCard)) << "an amount";
  EXPECT_FALSE(Has("490154203237518", ValueForm::kCard)) << "an IMEI, which has a Luhn digit";
  EXPECT_FALSE(Has("0000000000000000", ValueForm::kCard));
}

TEST(ValueForm, ChecksSsnAreas) {
  EXPECT_TRUE(Has("123-45-6789", ValueForm::kIssuedSsn));
  for (const char* never : {"000-45-6789", "666-45-6789", "900-45-6789", "999-99-9999", "123-00-6789",
                            "123-45-0000", "123456789"}) {
    EXPECT_FALSE(Has(never, ValueForm::kIssuedSsn)) << never;
    EXPECT_TRUE(Has(never, ValueForm::kSsn)) << never;
  }
}

TEST(ValueForm, TellsPhonesFromNumbers) {
  EXPECT_TRUE(Has("+49 30 1234567", ValueForm::kDialledPhone));
  EXPECT_FALSE(Has("+0 30 1234567", ValueForm::kDialledPhone));
  EXPECT_FALSE(Has("49301234567", ValueForm::kDialledPhone));
  EXPECT_TRUE(Has("49301234567", ValueForm::kPhone));
  for (const char* grouped : {"(202) 555-0123", "202-555-0123", "202.555.0123", "+1 202-555-0123"}) {
    EXPECT_TRUE(Has(grouped, ValueForm::kGroupedPhone)) << grouped;
  }
  EXPECT_FALSE(Has("102-555-0123", ValueForm::kGroupedPhone));
  EXPECT_FALSE(Has("202-155-0123", ValueForm::kGroupedPhone));
  EXPECT_FALSE(Has("1980-01-31", ValueForm::kPhone)) << "a date";
}

TEST(ValueForm, TellsAddressesFromVersions) {
  EXPECT_TRUE(Has("203.0.113.7", ValueForm::kHostIp));
  EXPECT_TRUE(Has("2001:db8::1", ValueForm::kHostIp));
  EXPECT_TRUE(Has("4.2.1.10", ValueForm::kIp));
  EXPECT_FALSE(Has("4.2.1.10", ValueForm::kHostIp));
  EXPECT_FALSE(Has("10.0.19041.1", ValueForm::kIp));
  EXPECT_FALSE(Has("12:30:45", ValueForm::kIp));
  EXPECT_FALSE(Has("00:1b:44:11:3a:b7", ValueForm::kIp));
}

TEST(ValueForm, ReadsDatesInEveryOrder) {
  for (const char* date : {"1980-01-31", "19800131", "31.01.1980", "1/31/1980", "31/1/1980", "1/31/80",
                           "31.01.80", "1980-01-31 00:00:00"}) {
    EXPECT_TRUE(Has(date, ValueForm::kDate)) << date;
    EXPECT_FALSE(Has(date, ValueForm::kDocument)) << date;
  }
  for (const char* none :
       {"1980-02-31", "31.13.1980", "31/1-1980", "12-10-80", "1.2.3.1980", "1799-01-01", "//1980"}) {
    EXPECT_FALSE(Has(none, ValueForm::kDate)) << none;
  }
}

TEST(ValueForm, TakesCodesForDocuments) {
  EXPECT_TRUE(Has("X19277260X", ValueForm::kDocument));
  EXPECT_TRUE(Has("S99984236", ValueForm::kDocument));
  EXPECT_FALSE(Has("GERMANY", ValueForm::kDocument));
  EXPECT_FALSE(Has("1d604da9-9a81-4ba9-80c2-de3375d59b40", ValueForm::kLongNumber));
  EXPECT_TRUE(Has("0532013000", ValueForm::kLongNumber));
  EXPECT_FALSE(Has("4711", ValueForm::kLongNumber));
}

TEST(ValueForm, KnowsPostcodes) {
  EXPECT_TRUE(Has("SW1A 1AA", ValueForm::kDistinctPostcode));
  EXPECT_TRUE(Has("K1A 0B1", ValueForm::kDistinctPostcode));
  EXPECT_FALSE(Has("SW1A1AA", ValueForm::kDistinctPostcode));
  for (const char* code : {"1013", "02139-1234", "10117", "1012 AB", "SW1A1AA"}) {
    EXPECT_TRUE(Has(code, ValueForm::kPostcode)) << code;
  }
  EXPECT_FALSE(Has("archive.zip", ValueForm::kPostcode));
}

TEST(ValueForm, TellsNamesFromCodes) {
  for (const char* name :
       {"José Eduardo181", "O'Hannigan", "van der Berg", "李小龙", "Müller-Lüdenscheidt"}) {
    EXPECT_TRUE(Has(name, ValueForm::kPersonName)) << name;
  }
  for (const char* none :
       {"12 Monkeys", "user_name", "j@example.org", "a1b2c3d4e56", "https://example.org/a"}) {
    EXPECT_FALSE(Has(none, ValueForm::kPersonName)) << none;
  }
}

TEST(ValueForm, KnowsStreets) {
  for (const char* street :
       {"12 Elm Street", "Hauptstraße 5", "12 rue de la Paix", "Am Markt-Platz 3", "Calle Mayor 5"}) {
    EXPECT_TRUE(Has(street, ValueForm::kStreet)) << street;
  }
  for (const char* none : {"Elm Street", "5 way valve", "12 roads", "Street"}) {
    EXPECT_FALSE(Has(none, ValueForm::kStreet)) << none;
  }
}

TEST(ValueForm, TellsAddressesFromHosts) {
  for (const char* address : {"Kirchweg", "427 Balistreri Way Unit 19", "Hauptstr. 5", "Rua Augusta, 1508"}) {
    EXPECT_TRUE(Has(address, ValueForm::kAddress)) << address;
  }
  for (const char* none : {"db1.example.org:5432", "localhost:8080", "https://example.org/a b",
                           "a@example.org", "1d604da9-9a81-4ba9-80c2-de3375d59b40", "12345"}) {
    EXPECT_FALSE(Has(none, ValueForm::kAddress)) << none;
  }
}

TEST(ValueForm, IsTotal) {
  EXPECT_EQ(FormsOf(""), FormSet{0});
  EXPECT_EQ(FormsOf("\xff\xfe 12 Elm Street"), FormSet{0});
  EXPECT_EQ(FormsOf(std::string(kMaxFormSize + 1, '1')), FormSet{0});
  for (int c = 0; c < 256; ++c) (void)FormsOf(std::string(static_cast<size_t>(c), static_cast<char>(c)));
}

}  // namespace
}  // namespace pii
