// The include table holds in the build that this test was built with, and the checker sees what breaks it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/architecture/build_edges.h"
#include "tests/architecture/source_tree.h"
#include "tests/source_dir.h"

namespace ppplan::architecture {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return out;
  char buffer[1 << 14];
  for (std::size_t n = 0; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
  pclose(pipe);
  return out;
}

std::string text_of(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

const char* const kDependencies =
    "planner/report/CMakeFiles/ppplan_report.dir/bubble_report.cpp.o: #deps 4, deps mtime 17 (VALID)\n"
    "    /src/planner/report/bubble_report.cpp\n"
    "    /usr/include/c++/12/vector\n"
    "    /src/build/dev/config.h\n"
    "    ../../planner/schedule/schedule.h\n"
    "\n";

TEST(FolderOf, IsTheSecondLevelBelowPlannerAndTheFirstElsewhere) {
  EXPECT_EQ(folder_of("planner/report/bubble_report.h"), "planner/report");
  EXPECT_EQ(folder_of("kernels/host/gemm.h"), "kernels");
  EXPECT_EQ(folder_of("README.md"), "");
}

TEST(DependencyOutput, KeepsSourcesOfOursAlone) {
  const auto edges = edges_from_dependencies(kDependencies, "/src", "/src/build/dev");
  ASSERT_EQ(edges.size(), 2u);  // neither the system header nor the generated one
  EXPECT_EQ(edges[0].to, "planner/report/bubble_report.cpp");
  EXPECT_EQ(edges[1].to, "planner/schedule/schedule.h");
  EXPECT_THAT(violations(include_table(), edges), IsEmpty());
}

TEST(DependencyOutput, AForbiddenIncludeIsFound) {
  const std::string text = std::string(kDependencies) +
                           "planner/verify/CMakeFiles/ppplan_verify.dir/verify.cpp.o: #deps 1, deps mtime 17 (VALID)\n"
                           "    /src/planner/cost/assess.h\n";
  const auto found = violations(include_table(), edges_from_dependencies(text, "/src", "/src/build/dev"));
  EXPECT_THAT(found, ElementsAre(HasSubstr("planner/verify may not use planner/cost")));
}

TEST(LinkLists, AForbiddenLinkIsFoundThroughAliasAndGeneratorExpression) {
  const auto edges = edges_from_link_lists(
      "planner/input ppplan_input nlohmann_json::nlohmann_json\n"
      "planner/cost ppplan_cost ppplan::input\n"
      "planner/verify ppplan_verify ppplan::input $<LINK_ONLY:ppplan_cost>\n");
  EXPECT_EQ(edges.size(), 3u);
  EXPECT_THAT(violations(include_table(), edges), ElementsAre(HasSubstr("ppplan_verify depends on ppplan_cost")));
}

TEST(LinkLists, ATargetThatNobodyDeclaresIsAnError) {
  EXPECT_THROW(edges_from_link_lists("sim ppplan_sim ppplan::ghost\n"), std::invalid_argument);
}

TEST(SourceIncludes, AForbiddenIncludeIsFound) {
  const auto edges = edges_from_source("traces/timeline.h", "#include <vector>\n  #include \"sim/machine.h\"\n");
  EXPECT_THAT(violations(include_table(), edges), ElementsAre(HasSubstr("traces may not use sim")));
}

TEST(IncludeTable, HoldsInEveryIncludeLine) {
  std::vector<std::string> found;
  for (const SourceFile& file : source_files(tests::source_dir()))
    for (std::string& line : violations(include_table(), edges_from_source(file.path, file.text)))
      found.push_back(std::move(line));
  EXPECT_THAT(found, IsEmpty());
}

TEST(IncludeTable, HoldsInTheCompilersDependencies) {
  if (std::string(PPPLAN_GENERATOR) != "Ninja") GTEST_SKIP() << "the dependency log is read from Ninja builds alone";
  const std::string text =
      output_of(std::string("'") + PPPLAN_NINJA + "' -C '" + PPPLAN_BUILD_DIR + "' -t deps 2>/dev/null");
  const auto edges = edges_from_dependencies(text, tests::source_dir(), PPPLAN_BUILD_DIR);
  ASSERT_GT(edges.size(), 10u) << "no dependencies read from " << PPPLAN_BUILD_DIR;
  EXPECT_THAT(violations(visible_table(), edges), IsEmpty());
}

TEST(IncludeTable, HoldsOnEveryLinkEdge) {
  const auto edges = edges_from_link_lists(text_of(std::string(PPPLAN_BUILD_DIR) + "/link_lists.txt"));
  ASSERT_GT(edges.size(), 10u);
  EXPECT_THAT(violations(include_table(), edges), IsEmpty());
}

TEST(IncludeTable, NamesOnlyFoldersThatExist) {
  for (const auto& [folder, row] : include_table())
    EXPECT_TRUE(std::filesystem::is_directory(tests::source_dir() + "/" + folder)) << folder;
}

TEST(IncludeTable, HasNoCycle) {
  // Rows only ever name folders whose own rows are complete: repeatedly remove folders that need nothing that is left.
  IncludeTable left = include_table();
  for (bool moved = true; moved;) {
    moved = false;
    const auto free = std::find_if(left.begin(), left.end(), [&](const auto& row) {
      return std::none_of(row.second.begin(), row.second.end(),
                          [&](const auto& needed) { return left.contains(needed); });
    });
    if (free == left.end()) break;
    left.erase(free);
    moved = true;
  }
  EXPECT_THAT(left, IsEmpty());
}

}  // namespace
}  // namespace ppplan::architecture
