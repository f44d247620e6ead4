#include "name_hint.h"

#include <gtest/gtest.h>

#include <string>

#include "specimen.h"

namespace pii {
namespace {

ClassSet SetOf(std::string_view class_name) {
  return class_name.empty() ? ClassSet{0} : ClassBit(test::BuiltinClass(class_name).id);
}

struct Case {
  const char* column;
  const char* class_name;
};

TEST(NameHint, KnowsColumnsInSeveralLanguages) {
  constexpr Case kCases[] = {
      {"ssn", "ssn"},
      {"SocialSecurityNumber", "ssn"},
      {"e_mail", "email"},
      {"email_address", "email"},
      {"ip_address", "ip"},
      {"client_ip", "ip"},
      {"address1", "address"},
      {"homeAddress", "address"},
      {"zip_code", "postcode"},
      {"first_name", "name"},
      {"customerLastName", "name"},
      {"MAIDEN", "name"},
      {"passport_no", "passport"},
      {"drivers_license", "driver_license"},
      {"date_of_birth", "dob"},
      {"cell_phone", "phone"},
      {"bank_account", "account"},
      {"card_number", "pan"},
      {"nachname", "name"},
      {"Kundenvorname", "name"},
      {"geburtsdatum", "dob"},
      {"PLZ", "postcode"},
      {"straße", "address"},
      {"strasse", "address"},
      {"führerscheinnummer", "driver_license"},
      {"fuehrerschein_nr", "driver_license"},
      {"Telefonnummer", "phone"},
      {"personalausweisnr", "national_id"},
      {"kontonummer", "account"},
      {"prénom", "name"},
      {"date_naissance", "dob"},
      {"code_postal", "postcode"},
      {"téléphone", "phone"},
      {"numéro_sécu", "national_id"},
      {"permis_de_conduire", "driver_license"},
      {"apellidos", "name"},
      {"fecha_nacimiento", "dob"},
      {"código_postal", "postcode"},
      {"teléfono_móvil", "phone"},
      {"dirección", "address"},
      {"pasaporte", "passport"},
      {"codice_fiscale", "national_id"},
      {"national_id", "national_id"},
      {"email_id", "email"},
      {"iban", "iban"},
  };
  for (const Case& c : kCases) EXPECT_EQ(HintOfColumn(c.column).strong, SetOf(c.class_name)) << c.column;
}

// What is about a value is not the value.
TEST(NameHint, SaysNothingOfOtherColumns) {
  for (const char* column : {"id",
                             "birthplace_city",
                             "email_verified",
                             "phone_type",
                             "passport_country",
                             "address_type",
                             "ssn_hash",
                             "ip_version",
                             "mac_address",
                             "wallet_address",
                             "city",
                             "prefix",
                             "suffix",
                             "deathdate",
                             "filename",
                             "zipped",
                             "amount",
                             "zip_id",
                             "address_id",
                             "str",
                             "username",
                             "shipping_cost",
                             "gender",
                             "race",
                             "\xff",
                             ""}) {
    NameHint hint = HintOfColumn(column);
    EXPECT_EQ(hint.strong, 0) << column;
    EXPECT_EQ(hint.weak, 0) << column;
  }
}

TEST(NameHint, LeavesNameToTheTable) {
  EXPECT_EQ(HintOfColumn("name").weak, SetOf("name"));
  EXPECT_EQ(HintOfColumn("name").strong, 0);
  EXPECT_EQ(HintOfColumn("last_login").weak, 0);
  EXPECT_EQ(HintOfColumn("product_name").weak, 0);
}

TEST(NameHint, KnowsTablesOfPersons) {
  EXPECT_TRUE(NamesPersons("patients"));
  EXPECT_TRUE(NamesPersons("tblKunden"));
  EXPECT_FALSE(NamesPersons("products"));
  EXPECT_TRUE(HintOfColumn("gender").is_of_person);
  EXPECT_TRUE(HintOfColumn("geburtsdatum").is_of_person);
  EXPECT_FALSE(HintOfColumn("email").is_of_person);
}

TEST(NameHint, TakesNamesOfAnyLength) {
  for (size_t size : {63, 256, 257, 5000}) (void)HintOfColumn(std::string(size, 'a'));
  (void)HintOfColumn(std::string(64, '\xef'));
  std::string wide;
  for (int i = 0; i < 85; ++i) wide += "\xef\xb7\xba";  // U+FDFA, the code point that grows most
  (void)HintOfColumn(wide);
}

}  // namespace
}  // namespace pii
