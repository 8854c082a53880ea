#include "planner/engines/python_int.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace ppplan::engines {
namespace {

TEST(PythonInt, ReadsDecimalDigits) {
  EXPECT_EQ(python_int("0"), 0);
  EXPECT_EQ(python_int("0012"), 12);
  EXPECT_EQ(python_int("-0"), 0);
  EXPECT_EQ(python_int("+7"), 7);
  EXPECT_EQ(python_int("-7"), -7);
}

TEST(PythonInt, AllowsBlanksAroundTheNumberOnly) {
  EXPECT_EQ(python_int(" \t\n\v\f\r5 "), 5);
  EXPECT_EQ(python_int("\u00a05\u3000"), 5);
  EXPECT_EQ(python_int("\u20285\u2029"), 5);
  EXPECT_FALSE(python_int("1 0"));
  EXPECT_FALSE(python_int("- 5"));
  EXPECT_FALSE(
      python_int("\x1c"
                 "5"))
      << "a separator that str.strip() removes and int() does not";
  EXPECT_FALSE(python_int(std::string("5\0", 2)));
}

TEST(PythonInt, AllowsSingleUnderscoresBetweenDigits) {
  EXPECT_EQ(python_int("1_000"), 1000);
  for (const char* text : {"_1", "1_", "1__0", "+_1", "_"}) EXPECT_FALSE(python_int(text)) << text;
}

TEST(PythonInt, TakesDigitsOfAnyScript) {
  EXPECT_EQ(python_int("\uff15"), 5);         // fullwidth
  EXPECT_EQ(python_int("\u0661\u0662"), 12);  // Arabic-Indic
  EXPECT_EQ(python_int("\u09677"), 17);       // Devanagari one, ASCII seven
  EXPECT_EQ(python_int("\U0001d7da"), 2);     // mathematical double-struck
  EXPECT_FALSE(python_int("\u00b2")) << "superscript two is a digit but no decimal one";
  EXPECT_FALSE(python_int("\u2155")) << "a fraction";
  EXPECT_FALSE(python_int("\u22125")) << "a minus sign that is not ASCII";
}

TEST(PythonInt, RefusesEverythingElse) {
  for (const char* text :
       {"", " ", "+", "-", "+-1", "5.0", "1e1", "0x5", "five", "[5", "5;", "\xff", "5\xe2\x80", "\xed\xa0\x80"})
    EXPECT_FALSE(python_int(text)) << text;
}

TEST(PythonInt, SaturatesAndLimitsTheNumberOfDigits) {
  EXPECT_EQ(python_int(std::string(4300, '9')), 1'000'000'000'000'000);
  EXPECT_EQ(python_int(std::string("-").append(100, '9')), -1'000'000'000'000'000);
  EXPECT_FALSE(python_int(std::string(4301, '0')));
}

TEST(PythonInt, WritesBackWhatItReadFromRandomBytes) {
  std::mt19937 random(1);
  const std::string alphabet = "0123456789_+- \t\xef\xbc\x95\xc2\xa0x";
  for (int round = 0; round < 20000; ++round) {
    std::string text(random() % 8, ' ');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    const auto value = python_int(text);
    if (!value) continue;
    ASSERT_EQ(python_int(std::to_string(*value)), value) << text;
  }
}

}  // namespace
}  // namespace ppplan::engines
