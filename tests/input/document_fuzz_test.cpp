// Damaged text never does anything but parse or throw InputError, and no access to what parsed does either.
#include <gtest/gtest.h>

#include <random>

#include "planner/input/document.h"
#include "planner/input/input_error.h"
#include "tests/input/damage.h"

namespace ppplan::input {
namespace {

const char* const kText =
    R"({"format":"ppplan/plan/1","partition":[20,20,20,20],"stages":[{"first_layer":0,"time":{"decode_s":1.25e-3}}],)"
    R"("warnings":["a \u00e9 \\ \" /"],"big":[9223372036854775807,-1,1e300],"none":null,"flag":true})";

/// Reads every node in every way; counts what was refused.
int read_all(const Node& node) {
  int refused = 0;
  const auto attempt = [&](auto&& read) {
    try {
      read();
    } catch (const InputError&) {
      ++refused;
    }
  };
  attempt([&] { node.number(); });
  attempt([&] { node.number(0, 10); });
  attempt([&] { node.integer(); });
  attempt([&] { node.integer(-5, -1); });
  attempt([&] { node.count(); });
  attempt([&] { node.text(); });
  attempt([&] { node.boolean(); });
  attempt([&] { node.at("format"); });
  attempt([&] { node.find("format"); });
  attempt([&] { node.expect_format("ppplan/plan/", 3); });
  attempt([&] {
    for (const Node& item : node.items()) refused += read_all(item);
  });
  attempt([&] {
    for (const std::string& key : node.keys())
      if (const auto member = node.find(key)) refused += read_all(*member);
  });
  return refused;
}

TEST(DocumentFuzz, DamagedBytesParseOrThrowInputError) {
  std::mt19937_64 random(20240607);
  int parsed = 0;
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    const std::string text = tests::damaged_text(kText, random);
    try {
      const Document document = parse_document(text, "fuzz");
      ++parsed;
      EXPECT_GT(read_all(document.root()), 0);
    } catch (const InputError&) {
      ++refused;
    }
  }
  EXPECT_GT(parsed, 50);
  EXPECT_GT(refused, 100);
}

TEST(DocumentFuzz, DamagedValuesAreReadOrRefused) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 1000; ++round) {
    Json json = Json::parse(kText);
    for (int i = 0; i < 3; ++i) tests::damage(json, random);
    const Document document(std::move(json), "fuzz");
    EXPECT_GT(read_all(document.root()), 0);
  }
}

TEST(DocumentFuzz, DeepNestingIsNoStackOverflow) {
  const std::string text = std::string(200000, '[') + std::string(200000, ']');
  const Document document = parse_document(text, "deep");
  EXPECT_EQ(document.root().items().size(), 1u);
  EXPECT_THROW(parse_document(std::string(200000, '['), "deep"), InputError);
}

}  // namespace
}  // namespace ppplan::input
