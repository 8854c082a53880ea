#include "tests/architecture/build_edges.h"

#include <filesystem>
#include <map>
#include <regex>
#include <sstream>
#include <stdexcept>

namespace ppplan::architecture {
namespace {

bool is_below(const std::string& path, const std::string& root) { return path.starts_with(root + "/"); }

/// Path below the source root, or "" of a file that is not a source of ours.
std::string own_source(const std::string& written, const std::string& source_root, const std::string& build_root) {
  std::filesystem::path path = written;
  if (path.is_relative()) path = std::filesystem::path(build_root) / path;
  const std::string absolute = path.lexically_normal().string();
  if (is_below(absolute, build_root) || !is_below(absolute, source_root)) return "";
  return absolute.substr(source_root.size() + 1);
}

std::string target_of(std::string item) {
  if (item.starts_with("ppplan::")) item.replace(0, 8, "ppplan_");
  return item;
}

/// Names of our targets in a link list, generator expressions around them included.
std::vector<std::string> own_targets(const std::string& line) {
  static const std::regex name(R"(ppplan(::|_)[A-Za-z0-9_]+)");
  std::vector<std::string> out;
  for (auto it = std::sregex_iterator(line.begin(), line.end(), name); it != std::sregex_iterator(); ++it)
    out.push_back(target_of(it->str()));
  return out;
}

}  // namespace

std::vector<Edge> edges_from_dependencies(std::string_view text, const std::string& source_root,
                                          const std::string& build_root) {
  std::vector<Edge> out;
  std::istringstream in{std::string(text)};
  std::string object;
  std::string folder;
  for (std::string line; std::getline(in, line);) {
    if (line.empty()) continue;
    if (line[0] != ' ') {
      object = line.substr(0, line.find(": #deps"));
      folder = folder_of(object.substr(0, object.find("/CMakeFiles/")) + "/");
      continue;
    }
    const std::string file = own_source(line.substr(line.find_first_not_of(' ')), source_root, build_root);
    if (!file.empty()) out.push_back({object, folder, file, folder_of(file)});
  }
  return out;
}

std::vector<Edge> edges_from_link_lists(std::string_view text) {
  struct Target {
    std::string folder;
    std::vector<std::string> items;
  };
  std::map<std::string, Target> targets;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string folder;
    std::string target;
    if (!(words >> folder >> target)) continue;
    std::string rest;
    std::getline(words, rest);
    targets[target] = {folder_of(folder + "/"), own_targets(rest)};
  }
  std::vector<Edge> out;
  for (const auto& [name, target] : targets)
    for (const std::string& item : target.items) {
      const auto found = targets.find(item);
      if (found == targets.end()) throw std::invalid_argument(name + " links " + item + ", which nobody declares");
      out.push_back({name, target.folder, item, found->second.folder});
    }
  return out;
}

std::vector<Edge> edges_from_source(const std::string& path, std::string_view text) {
  static const std::regex include(R"re(^\s*#\s*include\s*"([^"]+)")re");
  std::vector<Edge> out;
  std::istringstream in{std::string(text)};
  std::smatch match;
  for (std::string line; std::getline(in, line);)
    if (std::regex_search(line, match, include))
      out.push_back({path, folder_of(path), match[1], folder_of(match[1].str())});
  return out;
}

std::vector<std::string> violations(const IncludeTable& table, const std::vector<Edge>& edges) {
  std::vector<std::string> out;
  for (const Edge& edge : edges)
    if (!is_allowed(table, edge.from_folder, edge.to_folder))
      out.push_back(edge.from + " depends on " + edge.to + ": " + edge.from_folder + " may not use " + edge.to_folder);
  return out;
}

}  // namespace ppplan::architecture
