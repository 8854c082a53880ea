#include "tests/architecture/source_tree.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace ppplan::architecture {
namespace {

namespace fs = std::filesystem;

bool is_source(const fs::path& path) {
  static const std::set<std::string> endings = {".h", ".cpp", ".cu", ".cuh", ".hpp", ".cc"};
  return endings.contains(path.extension().string());
}

bool is_left_out(const fs::path& folder) {
  const std::string name = folder.filename().string();
  return name.starts_with('.') || name == "build" || fs::exists(folder / "CMakeCache.txt") ||
         fs::exists(folder / ".git");
}

std::string text_of(const fs::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

bool is_header(const std::string& path) {
  return path.ends_with(".h") || path.ends_with(".hpp") || path.ends_with(".cuh");
}
bool is_library(const std::string& path) { return !path.starts_with("tools/") && !path.starts_with("tests/"); }

void check_length(const SourceFile& file, const std::vector<std::string>& lines, std::vector<std::string>& out) {
  const std::size_t limit = file.path.starts_with("tests/") ? 600 : 450;
  if (lines.size() > limit)
    out.push_back(file.path + " has " + std::to_string(lines.size()) + " lines, more than " + std::to_string(limit));
}

/// The formatter puts definitions at namespace scope in column 0, so a body runs from a line that starts in column 0
/// and ends with '{' to the next '}' in column 0.
void check_functions(const SourceFile& file, const std::vector<std::string>& lines, std::vector<std::string>& out) {
  static const std::regex scope(R"(^(inline )?(namespace|struct|class|enum|union|extern)\b)");
  constexpr std::size_t limit = 70;
  std::size_t signature = 0;  // first line of the definition being read
  bool inside = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    if (!inside && !line.empty() && line[0] != ' ' && line[0] != '}') signature = i;
    if (!inside && line.ends_with('{') && !std::regex_search(lines[signature], scope)) inside = true;
    if (!inside || line.empty() || line[0] != '}') continue;
    inside = false;
    if (i - signature + 1 > limit)
      out.push_back(file.path + ":" + std::to_string(signature + 1) + " a function of " +
                    std::to_string(i - signature + 1) + " lines, more than 70");
  }
}

void check_name(const SourceFile& file, std::vector<std::string>& out) {
  static const std::regex banned(R"((^|[/_])(utils?|common|misc|helpers?)([/_.]|$))");
  if (std::regex_search(file.path, banned)) out.push_back(file.path + " has a name that says nothing");
}

void check_code(const SourceFile& file, const std::string& code, std::vector<std::string>& out) {
  static const std::regex ends(R"((^|[^A-Za-z0-9_])(quick_)?(exit|abort)\s*\()");
  // The included name is blanked with the other literals where it stands in quotes, so it is looked for in the text.
  static const std::regex simgrid(R"(#\s*include\s*[<"](simgrid|xbt)[/.])");
  if (is_library(file.path) && std::regex_search(code, ends)) out.push_back(file.path + " ends the process");
  if (!file.path.starts_with("sim/machine.") && std::regex_search(file.text, simgrid) &&
      !file.path.starts_with("tests/"))
    out.push_back(file.path + " includes SimGrid, which only sim/machine.* may");
}

void check_head(const SourceFile& file, std::vector<std::string>& out) {
  if (!is_header(file.path)) return;
  if (!file.text.starts_with("//")) out.push_back(file.path + " does not say at its head what it is");
  if (file.text.find("#pragma once") == std::string::npos) out.push_back(file.path + " lacks #pragma once");
}

void check_unfinished(const SourceFile& file, std::vector<std::string>& out) {
  static const std::regex marks(R"(\b(TO[D]O|FIX[M]E|XX[X])\b)");
  if (std::regex_search(file.text, marks)) out.push_back(file.path + " is marked as unfinished");
}

/// Length of the token at `at` that code_only blanks (comment, string, character, raw string), 0 when there is none.
std::size_t blank_length(std::string_view text, std::size_t at) {
  const auto to_end = [&](std::size_t end, std::size_t closing) {
    return (end == std::string_view::npos ? text.size() : end + closing) - at;
  };
  if (text.substr(at, 2) == "//") return to_end(text.find('\n', at), 0);
  if (text.substr(at, 2) == "/*") return to_end(text.find("*/", at + 2), 2);
  if (text.substr(at, 2) == "R\"") {
    const auto open = text.find('(', at);
    if (open == std::string_view::npos) return text.size() - at;
    const std::string close = ")" + std::string(text.substr(at + 2, open - at - 2)) + "\"";
    return to_end(text.find(close, open), close.size());
  }
  const char quote = text[at];
  if (quote != '"' && quote != '\'') return 0;
  // A quote after a digit separates digits: 10'000.
  if (quote == '\'' && at > 0 && std::isalnum(static_cast<unsigned char>(text[at - 1]))) return 0;
  std::size_t end = at + 1;
  while (end < text.size() && text[end] != quote && text[end] != '\n') end += text[end] == '\\' ? 2 : 1;
  return std::min(end + 1, text.size()) - at;
}

}  // namespace

std::vector<SourceFile> source_files(const std::string& root) {
  std::vector<SourceFile> out;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator(); ++it) {
    if (it->is_directory() && is_left_out(it->path())) it.disable_recursion_pending();
    if (it->is_regular_file() && is_source(it->path()))
      out.push_back({fs::relative(it->path(), root).generic_string(), text_of(it->path())});
  }
  std::sort(out.begin(), out.end(), [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return out;
}

std::string code_only(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = blank_length(text, at);
    for (std::size_t i = 0; i < length; ++i) out += text[at + i] == '\n' ? '\n' : ' ';
    if (length == 0) out += text[at];
    at += std::max<std::size_t>(length, 1);
  }
  return out;
}

std::vector<std::string> broken_rules(const SourceFile& file) {
  std::vector<std::string> out;
  const std::string code = code_only(file.text);
  check_length(file, lines_of(file.text), out);
  check_functions(file, lines_of(code), out);
  check_name(file, out);
  check_code(file, code, out);
  check_head(file, out);
  check_unfinished(file, out);
  return out;
}

}  // namespace ppplan::architecture
