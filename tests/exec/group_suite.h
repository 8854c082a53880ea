// The tests that every way of connecting ranks passes: group_suite.cpp holds them, and a program that links it
// instantiates GroupSuite over its own ways of starting ranks.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "exec/groups/world.h"

namespace ppplan::tests {

/// What one rank does. It may run in another process, so it tells a fault by an exception (see expect), not by EXPECT.
using Program = std::function<void(exec::groups::World&)>;

/// How a rank ended: "" well, "GroupError: ..." or "fault: ...".
using Outcomes = std::vector<std::string>;

/// A way of starting ranks.
struct Launch {
  std::string name;
  std::function<Outcomes(int size, double deadline_s, const Program& program)> run;
};
void PrintTo(const Launch& launch, std::ostream* out);

/// Runs the program of one rank and tells how it ended.
std::string outcome_of(const std::function<void()>& rank);

/// Throws what becomes the outcome "fault: MESSAGE".
void expect(bool holds, const std::string& message);

/// Ranks that are threads of this process, connected in memory.
Launch thread_launch();

class GroupSuite : public testing::TestWithParam<Launch> {
 protected:
  /// A deadline that no test that should pass comes near.
  static constexpr double patience_s = 60;
  /// Runs `program` on a group "PP 0" of all ranks.
  Outcomes run(int size, const std::function<void(exec::Group&)>& program, double deadline_s = patience_s);
  void expect_well(int size, const std::function<void(exec::Group&)>& program);
};

std::string launch_name(const testing::TestParamInfo<Launch>& info);

}  // namespace ppplan::tests
