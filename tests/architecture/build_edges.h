// Edges between folders as the build knows them: from the compiler's dependency output and from the targets' link
// lists.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/architecture/include_table.h"

namespace ppplan::architecture {

struct Edge {
  std::string from;  // what includes or links: an object file, a source file or a target
  std::string from_folder;
  std::string to;  // the included file or the linked target
  std::string to_folder;
  bool operator==(const Edge&) const = default;
};

/// From the text of `ninja -t deps`. An object's folder is the one its target was declared in; included files outside
/// of `source_root` or below `build_root` (system headers, generated files) are left out. Both roots are absolute,
/// without a trailing slash; relative paths in the text are relative to `build_root`.
std::vector<Edge> edges_from_dependencies(std::string_view text, const std::string& source_root,
                                          const std::string& build_root);

/// From lines "folder target item item ..." where an item names a target of ours as ppplan::x or ppplan_x. Items that
/// are not ours are left out. Throws std::invalid_argument for an item of ours that no line declares.
std::vector<Edge> edges_from_link_lists(std::string_view text);

/// From the #include lines of one source file.
std::vector<Edge> edges_from_source(const std::string& path, std::string_view text);

/// The edges that the table forbids, one sentence each.
std::vector<std::string> violations(const IncludeTable& table, const std::vector<Edge>& edges);

}  // namespace ppplan::architecture
