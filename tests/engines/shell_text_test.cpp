#include "planner/engines/shell_text.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <random>

namespace ppplan::engines {
namespace {

using Words = std::vector<std::string>;

Words words_of(const std::string& text) {
  const ShellText shell = read_shell(text);
  return shell.commands.empty() ? Words{} : shell.commands.front();
}

TEST(ShellText, SplitsAtBlanks) { EXPECT_EQ(words_of("  a  b\tc "), (Words{"a", "b", "c"})); }

TEST(ShellText, KeepsWhatIsQuoted) {
  EXPECT_EQ(words_of(R"(a 'b c' "d \"e\"" f\ g '')"), (Words{"a", "b c", "d \"e\"", "f g", ""}));
  EXPECT_EQ(words_of(R"(--c='{"x": 1}')"), (Words{R"(--c={"x": 1})"}));
  EXPECT_EQ(words_of("'it'\\''s'"), (Words{"it's"}));
}

TEST(ShellText, JoinsContinuedLines) {
  EXPECT_EQ(words_of("vllm serve m \\\n  -pp 2 \\\r\n  -tp 4"), (Words{"vllm", "serve", "m", "-pp", "2", "-tp", "4"}));
}

TEST(ShellText, SeparatesCommands) {
  const ShellText shell = read_shell("a b; c # d\ne && f | g &");
  EXPECT_EQ(shell.commands, (std::vector<Words>{{"a", "b"}, {"c"}, {"e"}, {"f"}, {"g"}}));
}

TEST(ShellText, DropsPrompts) { EXPECT_EQ(words_of("$ vllm serve m"), (Words{"vllm", "serve", "m"})); }

TEST(ShellText, ReplacesVariablesThatTheTextSets) {
  const ShellText shell = read_shell("TP=4\nexport M=org/model\nrun $M -tp ${TP} $OTHER '$TP' \"x$TP\"");
  EXPECT_EQ(shell.commands.back(), (Words{"run", "org/model", "-tp", "4", "$OTHER", "$TP", "x4"}));
  EXPECT_EQ(shell.variables.at("TP"), "4");
}

TEST(ShellText, WarnsOfQuotesWithoutEnd) {
  EXPECT_EQ(read_shell("a 'b").warnings.size(), 1U);
  EXPECT_EQ(read_shell("a \"b").warnings.size(), 1U);
  EXPECT_EQ(words_of("a 'b c"), (Words{"a", "b c"}));
}

TEST(ShellText, StaysSmallWhereVariablesDouble) {
  std::string text = "A=xxxxxxxx\n";
  for (int i = 0; i < 60; ++i) text += "A=$A$A\n";
  for (const auto& [name, value] : read_shell(text).variables) EXPECT_LE(value.size(), 65536U) << name;
}

/// What /bin/sh makes of a word list, one a line.
std::string by_shell(const std::string& line) {
  const std::string command = "printf '[%s]' " + line;
  std::string out;
  FILE* pipe = popen(("/bin/sh -c " + shell_quoted(command)).c_str(), "r");
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) out += static_cast<char>(c);
  pclose(pipe);
  return out;
}

TEST(ShellText, QuotingIsUndoneByReadingAndByAShell) {
  std::mt19937 random(5);
  const std::string alphabet = "ab '\"\\$#;&|{}()*?~=,\n\t-";
  for (int round = 0; round < 300; ++round) {
    std::string word(random() % 10, ' ');
    for (char& c : word) c = alphabet[random() % alphabet.size()];
    EXPECT_EQ(words_of(shell_quoted(word)), Words{word}) << word;
    if (round < 30) {
      EXPECT_EQ(by_shell(shell_quoted(word)), "[" + word + "]");
    }
  }
}

TEST(ShellText, SurvivesAnyText) {
  std::mt19937 random(7);
  const std::string alphabet = "ab '\"\\$#;&|{}=\n\r\0-";
  for (int round = 0; round < 20000; ++round) {
    std::string text(random() % 40, ' ');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    read_shell(text);
  }
}

}  // namespace
}  // namespace ppplan::engines
