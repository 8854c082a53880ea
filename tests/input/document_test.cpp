// Reading of JSON documents: values, and the one sentence that each failure is told in.
#include "planner/input/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <random>

#include "planner/input/edit_distance.h"
#include "planner/input/input_error.h"

namespace ppplan::input {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// What the InputError of `action` says, "" when it throws none.
std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

Document parsed(const std::string& text) { return parse_document(text, "plan.json"); }

TEST(Document, ReadsMembersOfEveryType) {
  const Document document = parsed(R"({"n":8.0,"x":-2.5,"t":"tp","b":true,"a":[1,2],"z":null,"o":{"k/~":7}})");
  const Node root = document.root();
  EXPECT_EQ(root.at("n").integer(), 8);
  EXPECT_EQ(root.at("n").count(), 8);
  EXPECT_EQ(root.at("x").number(), -2.5);
  EXPECT_EQ(root.at("t").text(), "tp");
  EXPECT_TRUE(root.at("b").boolean());
  EXPECT_EQ(root.at("a").items()[1].integer(), 2);
  EXPECT_FALSE(root.find("z").has_value());
  EXPECT_FALSE(root.find("absent").has_value());
  EXPECT_EQ(root.find("o")->at("k/~").integer(), 7);
  EXPECT_THAT(root.keys(), ElementsAre("n", "x", "t", "b", "a", "z", "o"));
}

TEST(Document, ErrorsNameFilePointerExpectedAndFound) {
  const Document document = parsed(R"({"stages":[{"devices":"all"}],"a/b~c":{"n":1.5}})");
  const Node root = document.root();
  EXPECT_EQ(error_of([&] { root.at("stages").items()[0].at("devices").items(); }),
            "plan.json: /stages/0/devices: expected an array, found \"all\"");
  EXPECT_EQ(error_of([&] { root.at("parallel"); }), "plan.json: expected a member 'parallel', found none");
  EXPECT_EQ(error_of([&] { root.at("a/b~c").at("n").integer(); }),
            "plan.json: /a~1b~0c/n: expected a whole number, found 1.5");
  EXPECT_EQ(error_of([&] { root.at("stages").at("x"); }),
            "plan.json: /stages: expected an object with 'x', found an array of 1");
  EXPECT_EQ(error_of([&] { root.at("stages").keys(); }), "plan.json: /stages: expected an object, found an array of 1");
}

TEST(Document, RangesAreInclusiveAndSaidInTheError) {
  const Document document = parsed("[5]");
  const Node five = document.root().items()[0];
  EXPECT_EQ(five.number(5, 5), 5);
  EXPECT_EQ(five.integer(5, 5), 5);
  EXPECT_EQ(error_of([&] { five.number(6, 7); }), "plan.json: /0: expected a number from 6 to 7, found 5");
  EXPECT_EQ(error_of([&] { five.number(6); }), "plan.json: /0: expected a number of at least 6, found 5");
  EXPECT_EQ(error_of([&] { five.integer(std::numeric_limits<std::int64_t>::min(), 4); }),
            "plan.json: /0: expected a whole number of at most 4, found 5");
  EXPECT_EQ(error_of([&] { five.count(6); }), "plan.json: /0: expected a whole number from 6 to 2147483647, found 5");
}

TEST(Document, WholeNumbersAreExactUpToTheLastOne) {
  const Document document =
      parsed("[9223372036854775807,-9223372036854775808,18446744073709551615,1e17,2147483648,true]");
  const auto items = document.root().items();
  EXPECT_EQ(items[0].integer(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(items[1].integer(), std::numeric_limits<std::int64_t>::min());
  EXPECT_THROW(items[2].integer(), InputError);
  // As a signed number it would wrap to -1.
  EXPECT_THROW(items[2].integer(std::numeric_limits<std::int64_t>::min(), -1), InputError);
  EXPECT_THROW(items[3].integer(), InputError);  // a floating-point number that no longer counts ones
  EXPECT_THROW(items[4].count(), InputError);
  EXPECT_THROW(items[5].integer(), InputError);
}

TEST(Document, NumbersWithoutADoubleAreBadInput) {
  EXPECT_THAT(error_of([] { parsed("[1e400]"); }), HasSubstr("plan.json: expected JSON with numbers up to 1.8e308"));
}

TEST(Document, BrokenTextIsToldWithLineAndColumn) {
  EXPECT_EQ(error_of([] { parsed("{\n  \"a\": 1,\n  \"b\": x\n}"); }),
            "plan.json: line 3, column 8: expected JSON, found something else");
  EXPECT_THAT(error_of([] { parsed("{\"a\": [1, 2"); }), HasSubstr("found the end of the text"));
  EXPECT_THAT(error_of([] { parsed(""); }), HasSubstr("plan.json: line 1"));
}

TEST(Document, LongValuesAreCutBetweenCharacters) {
  // 59 bytes and then two-byte characters: byte 60 would lie inside of one.
  std::string text = "\"" + std::string(58, 'a');
  for (int i = 0; i < 10; ++i) text += "\xC3\xA9";
  const Document document = parsed(text + "\"");
  const std::string error = error_of([&] { document.root().number(); });
  EXPECT_THAT(error, HasSubstr(std::string(58, 'a') + "..."));
}

TEST(Document, FormatIsPrefixAndKnownVersion) {
  const auto check = [](const std::string& format, int newest) {
    const Document document = parsed("{\"format\":" + format + "}");
    document.root().expect_format("ppplan/plan/", newest);
  };
  EXPECT_NO_THROW(check("\"ppplan/plan/1\"", 1));
  EXPECT_NO_THROW(check("\"ppplan/plan/2\"", 2));
  EXPECT_EQ(error_of([&] { check("\"ppplan/plan/2\"", 1); }),
            "plan.json: /format: expected \"ppplan/plan/1\", found \"ppplan/plan/2\"");
  for (const char* other : {"\"ppplan/plan/\"", "\"ppplan/plan/01\"", "\"ppplan/run/1\"", "7", "null"})
    EXPECT_THROW(check(other, 1), InputError) << other;
}

TEST(Files, AreReadBackAsWrittenAndTheirAbsenceIsTold) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "ppplan_input_files";
  std::filesystem::create_directories(folder);
  const std::string path = (folder / "a.json").string();
  write_text(path, "{\"a\":1}\n");
  EXPECT_EQ(read_text(path), "{\"a\":1}\n");
  EXPECT_EQ(read_document(path).root().at("a").integer(), 1);
  EXPECT_EQ(error_of([&] { read_text(folder.string()); }), folder.string() + ": expected a file, found a folder");
  EXPECT_THAT(error_of([&] { read_text(path + ".absent"); }), HasSubstr("expected a file, found none of that name"));
  EXPECT_THAT(error_of([&] { write_text((folder / "no" / "b").string(), ""); }), HasSubstr("can be written"));
  std::filesystem::remove_all(folder);
}

TEST(Nearest, SuggestsSmallTyposOnly) {
  const std::vector<std::string> known = {"h100-sxm", "h100-pcie", "rtx4090"};
  EXPECT_EQ(nearest("h100-smx", known), "h100-sxm");
  EXPECT_EQ(nearest("rtx4900", known), "rtx4090");
  EXPECT_EQ(nearest("completely-else", known), "");
  EXPECT_EQ(nearest("h100", {}), "");
}

/// Without bound or shortcut, straight from the definition.
std::size_t plain_distance(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return a.size() + b.size();
  const std::size_t replaced = plain_distance(a.substr(1), b.substr(1)) + (a[0] == b[0] ? 0 : 1);
  return std::min({replaced, plain_distance(a.substr(1), b) + 1, plain_distance(a, b.substr(1)) + 1});
}

std::string random_word(std::mt19937& random) {
  std::string out(random() % 6, 'a');
  for (char& c : out) c = "abc"[random() % 3];
  return out;
}

TEST(Nearest, IsTheFirstOfTheLeastDistance) {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    const std::string word = random_word(random), other = random_word(random);
    const std::size_t distance = plain_distance(word, other);
    for (std::size_t most = 0; most < 7; ++most)
      EXPECT_EQ(edit_distance(word, other, most), std::min(distance, most + 1)) << word << " " << other;
    std::vector<std::string> known;
    for (int k = 0; k < 4; ++k) known.push_back(random_word(random));
    std::string best;
    std::size_t least = word.size() / 3 + 2;
    for (const std::string& name : known)
      if (plain_distance(word, name) < least) {
        least = plain_distance(word, name);
        best = name;
      }
    EXPECT_EQ(nearest(word, known), best) << word;
  }
}

}  // namespace
}  // namespace ppplan::input
