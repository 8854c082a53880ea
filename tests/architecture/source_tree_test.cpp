// The limits that every source file keeps, and that the checker sees a file that breaks each of them.
#include "tests/architecture/source_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/source_dir.h"

namespace ppplan::architecture {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string repeated(const std::string& line, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += line;
  return out;
}

TEST(HouseLimits, HoldInEverySourceFile) {
  const auto files = source_files(tests::source_dir());
  ASSERT_GT(files.size(), 20u);
  std::vector<std::string> found;
  for (const SourceFile& file : files)
    for (std::string& line : broken_rules(file)) found.push_back(std::move(line));
  EXPECT_THAT(found, IsEmpty());
}

TEST(HouseLimits, LongFilesAreFound) {
  EXPECT_THAT(broken_rules({"sim/a.cpp", repeated("int x;\n", 450)}), IsEmpty());
  EXPECT_THAT(broken_rules({"sim/a.cpp", repeated("int x;\n", 451)}), ElementsAre(HasSubstr("451 lines")));
  EXPECT_THAT(broken_rules({"tests/sim/a.cpp", repeated("int x;\n", 451)}), IsEmpty());
  EXPECT_THAT(broken_rules({"tests/sim/a.cpp", repeated("int x;\n", 601)}), ElementsAre(HasSubstr("601 lines")));
}

TEST(HouseLimits, LongFunctionsAreFound) {
  // Signature over two lines + body + closing brace: 2 + 67 + 1 = 70 is the longest allowed.
  const std::string head = "namespace a {\nint f(int x,\n      int y) {\n";
  EXPECT_THAT(broken_rules({"sim/a.cpp", head + repeated("  ++x;\n", 67) + "}\n}  // namespace a\n"}), IsEmpty());
  EXPECT_THAT(broken_rules({"sim/a.cpp", head + repeated("  ++x;\n", 68) + "}\n}  // namespace a\n"}),
              ElementsAre(HasSubstr("sim/a.cpp:2 a function of 71 lines")));
  EXPECT_THAT(broken_rules({"sim/a.cpp", "struct Large {\n" + repeated("  int x;\n", 100) + "};\n"}), IsEmpty());
}

TEST(HouseLimits, NamesThatSayNothingAreFound) {
  for (const std::string path :
       {"sim/utils.cpp", "common/a.cpp", "sim/string_util.cpp", "exec/misc.cpp", "sim/helpers/a.cpp"})
    EXPECT_THAT(broken_rules({path, ""}), ElementsAre(HasSubstr("says nothing"))) << path;
  EXPECT_THAT(broken_rules({"sim/commons.cpp", ""}), IsEmpty());
}

TEST(HouseLimits, ALibraryThatEndsTheProcessIsFound) {
  EXPECT_THAT(broken_rules({"sim/a.cpp", "void f() { std::exit(1); }\n"}), ElementsAre(HasSubstr("ends the process")));
  EXPECT_THAT(broken_rules({"tools/ppplan/a.cpp", "void f() { std::exit(1); }\n"}), IsEmpty());
  EXPECT_THAT(broken_rules({"sim/a.cpp", "void f() { _exit(1); }  // not exit(1)\nauto s = \"exit(2)\";\n"}),
              IsEmpty());
}

TEST(HouseLimits, SimGridOutsideOfTheMachineIsFound) {
  const std::string text = "#include <simgrid/s4u.hpp>\n";
  EXPECT_THAT(broken_rules({"sim/serving.cpp", text}), ElementsAre(HasSubstr("includes SimGrid")));
  EXPECT_THAT(broken_rules({"sim/machine.cpp", text}), IsEmpty());
}

TEST(HouseLimits, HeadersWithoutHeadOrGuardAreFound) {
  EXPECT_THAT(broken_rules({"sim/a.h", "#pragma once\n"}), ElementsAre(HasSubstr("what it is")));
  EXPECT_THAT(broken_rules({"sim/a.h", "// A thing.\n"}), ElementsAre(HasSubstr("#pragma once")));
}

TEST(HouseLimits, UnfinishedWorkIsFound) {
  EXPECT_THAT(broken_rules({"sim/a.cpp", std::string("// TO") + "DO: more\n"}), ElementsAre(HasSubstr("unfinished")));
}

TEST(CodeOnly, BlanksCommentsAndLiteralsAndKeepsLines) {
  EXPECT_EQ(code_only("a /* b\nc */ d // e\nf"), "a     \n     d     \nf");
  EXPECT_EQ(code_only("x = \"a\\\"b\" + 'c' + 1'000;"), "x =        +     + 1'000;");
  EXPECT_EQ(code_only("R\"d(a)\" b)d\" c"), "             c");
}

}  // namespace
}  // namespace ppplan::architecture
