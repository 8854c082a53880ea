// Who may include whom. Folders are the top-level folders of the repository, and the second level below planner/.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace ppplan::architecture {

/// folder -> folders it may name in an #include or in its link list, besides itself and planner/input.
using IncludeTable = std::map<std::string, std::set<std::string>, std::less<>>;

/// The table of the project. Folders that are not in it (tools, tests) may include everything.
const IncludeTable& include_table();

/// What a folder's translation units may see once the headers they include bring in their own: the table's row, and for
/// the few folders whose row leaves out what a neighbour's header needs, that too. Narrower than the closure of the
/// table.
const IncludeTable& visible_table();

/// "planner/report" of "planner/report/bubble_report.h", "sim" of "sim/machine.h", "" of a file at the root.
std::string folder_of(std::string_view path);

/// True when `from` may include `to` under `table`.
bool is_allowed(const IncludeTable& table, const std::string& from, const std::string& to);

}  // namespace ppplan::architecture
