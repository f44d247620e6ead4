#include "unicode_form.h"

#include <gtest/gtest.h>

#include <vector>

#include "normalize.h"
#include "respelling.h"
#include "shape.h"
#include "specimen.h"

namespace pii {
namespace {

using Form = Status (*)(std::string_view value, std::span<char> out, size_t* size);

/// The form, in a block of exactly `room` bytes.
std::string Formed(Form form, std::string_view value, size_t room) {
  std::vector<char> out(room);
  size_t size = 0;
  EXPECT_EQ(form(value, out, &size), Status::kOk) << value;
  EXPECT_LE(size, room);
  return {out.data(), size};
}

std::string Formed(Form form, std::string_view value) {
  return Formed(form, value, NormalizedBound(value.size()));
}

TEST(UnicodeForm, IsWhatIcuMakesOfIt) {
  test::Specimens specimens(160);
  for (int i = 0; i < 20'000; ++i) {
    std::string value = specimens.Realistic(MaskRule::kName);
    if (specimens.OneIn(2)) value = test::Respelled(&specimens, value);
    ASSERT_EQ(Formed(ToNfc, value), test::Nfc(value));
    ASSERT_EQ(Formed(ToNfkc, value), test::Nfkc(value));
    ASSERT_EQ(Formed(ToNfkd, value), test::Nfkd(value));
    ASSERT_EQ(Formed(ToUpper, value), test::UpperCase(value));
  }
}

TEST(ToUpper, KnowsNoLocale) {
  EXPECT_EQ(Formed(ToUpper, "iı"), "II");
  EXPECT_EQ(Formed(ToUpper, "İI"), "İI");
  EXPECT_EQ(Formed(ToUpper, "ßﬁŉ"), "SSFIʼN");
  EXPECT_EQ(Formed(ToUpper, "ά"), "Ά") << "no Greek rules either";
}

TEST(ToNfkcCasefold, FoldsTheNfcForm) {
  EXPECT_EQ(Formed(ToNfkcCasefold, "ΣΊΣΥΦΟΣ"), "σίσυφοσ");
  EXPECT_EQ(Formed(ToNfkcCasefold, "Straße İı ſ"), "strasse i\u0307ı s");
  EXPECT_EQ(Formed(ToNfkcCasefold, "Ja\u00adne\u200b"), "jane");
  EXPECT_EQ(Formed(ToNfkcCasefold, "\u03b1\u0345\u0301"), Formed(ToNfkcCasefold, "\u1fb4"));
  EXPECT_EQ(Formed(ToNfkcCasefold, "Jane DOE"), "jane doe");
}

TEST(UnicodeForm, TellsTheSizeThatIsNeeded) {
  test::Specimens specimens(161);
  for (Form form : {ToNfc, ToNfkc, ToNfkd, ToNfkcCasefold, ToUpper, CopyText}) {
    for (int i = 0; i < 2'000; ++i) {
      std::string value = specimens.Realistic(MaskRule::kName);
      std::string expected = Formed(form, value);
      size_t needed = 0;
      Status status = form(value, {}, &needed);
      ASSERT_EQ(status, expected.empty() ? Status::kOk : Status::kBufferTooSmall) << value;
      ASSERT_EQ(needed, expected.size()) << value;
      ASSERT_EQ(Formed(form, value, needed), expected) << value;
      if (needed == 0) continue;
      std::vector<char> small(needed - 1);
      ASSERT_EQ(form(value, small, &needed), Status::kBufferTooSmall) << value;
      ASSERT_EQ(needed, expected.size()) << value;
    }
  }
}

}  // namespace
}  // namespace pii
