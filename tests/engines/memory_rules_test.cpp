#include "planner/engines/memory_rules.h"

#include <gtest/gtest.h>

#include "planner/catalog/catalog.h"
#include "planner/input/input_error.h"

namespace ppplan {
namespace {

TEST(MemoryRules, FollowTheLastRowThatIsNotNewer) {
  EXPECT_EQ(engines::memory_rules("0.11").value("kv_even_groups"), 1);
  EXPECT_EQ(engines::memory_rules("0.12").value("kv_even_groups"), 1.25);
  EXPECT_EQ(engines::memory_rules("0.17.1").value("kv_even_groups"), 1.25);
  EXPECT_EQ(engines::memory_rules("0.18").value("kv_even_groups"), 1.5);
  EXPECT_EQ(engines::memory_rules("").value("kv_even_groups"), 1.5);
}

TEST(MemoryRules, RefuseANameThatTheDataLacks) {
  EXPECT_THROW(engines::memory_rules("").value("no such constant"), input::InputError);
}

TEST(MemoryRules, EveryConstantHasUnitVersionAndSource) {
  for (const input::Node& row : catalog::memory().root().at("constants").items()) {
    EXPECT_FALSE(row.at("unit").text().empty());
    EXPECT_FALSE(row.at("source").text().empty());
    EXPECT_NO_THROW(engines::memory_rules(row.at("since").text()));
  }
}

}  // namespace
}  // namespace ppplan
