// The source files of the repository, and the limits that each of them keeps.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ppplan::architecture {

struct SourceFile {
  std::string path;  // below the root, with '/'
  std::string text;
};

/// C++ and CUDA sources and headers below `root`, sorted; build folders, hidden folders and nested checkouts are left
/// out.
std::vector<SourceFile> source_files(const std::string& root);

/// The text with comments and the contents of string literals blanked out; lines stay lines.
std::string code_only(std::string_view text);

/// What a file breaks of the rules below, one sentence each.
///   lines       450 (600 below tests/)
///   functions   70 lines from the signature's opening line to its closing brace
///   names       no utils, common, misc or helpers in a path
///   exit        a library (everything outside tools/ and tests/) does not end the process with exit(), abort() or
///   quick_exit();
///               _exit() in a forked child is not meant
///   SimGrid     included in sim/machine.* alone
///   headers     begin with a comment and hold #pragma once
///   unfinished  no marks of work that is left to do
std::vector<std::string> broken_rules(const SourceFile& file);

}  // namespace ppplan::architecture
