#include "planner/spec/dtype.h"

#include <gtest/gtest.h>

#include "planner/spec/workload.h"

namespace ppplan::spec {
namespace {

TEST(DType, IsFoundByItsName) {
  for (DType type : {DType::fp32, DType::bf16, DType::fp16, DType::fp8, DType::int8, DType::int4, DType::int4_g32,
                     DType::int4_g32_zeros, DType::nvfp4})
    EXPECT_EQ(dtype(name(type)), type);
  EXPECT_FALSE(dtype("bfloat16"));
  EXPECT_FALSE(dtype(""));
}

TEST(DType, CountsTheScalesOfItsBlocks) {
  EXPECT_EQ(bytes_per_element(DType::bf16), 2);
  EXPECT_EQ(bytes_per_element(DType::int4), 0.5 + 2.5 / 128);           // fp16 scale, 4-bit zero point
  EXPECT_EQ(bytes_per_element(DType::int4_g32), 0.5 + 2.0 / 32);        // 16-bit scale
  EXPECT_EQ(bytes_per_element(DType::int4_g32_zeros), 0.5 + 2.5 / 32);  // and a zero point of 4 bits
  EXPECT_EQ(bytes_per_element(DType::nvfp4), 0.5 + 1.0 / 16);           // one fp8 scale
}

TEST(Goal, IsFoundByItsName) {
  for (Goal aim : {Goal::throughput, Goal::ttft, Goal::tpot, Goal::max_context}) EXPECT_EQ(goal(name(aim)), aim);
  EXPECT_FALSE(goal("max_context"));
}

}  // namespace
}  // namespace ppplan::spec
