// Words of a POSIX shell: quoting them, and reading the commands of a pasted text.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ppplan::engines {

/// As it stands where no character means anything to a shell, in single quotes otherwise.
std::string shell_quoted(const std::string& word);

/// What `read_shell` found: the words of each simple command, in order; at least one word each.
struct ShellText {
  std::vector<std::vector<std::string>> commands;
  std::map<std::string, std::string> variables;  // set by the text itself: NAME=value, export NAME=value
  std::vector<std::string> warnings;             // a quote that never ends, text that is cut off
};

/// Quotes, backslashes, continued lines, comments, and ; & | or a line's end between commands. $NAME and ${NAME} are
/// replaced where the text set the variable before, and stay as written otherwise; nothing else is expanded. A prompt
/// ("$ ") at the start of a command is dropped. Text beyond 256 KiB is cut off with a warning. Does not throw.
ShellText read_shell(std::string_view text);

/// True for NAME=value with a NAME that a shell accepts.
bool is_assignment(const std::string& word);

}  // namespace ppplan::engines
