#include "tests/architecture/include_table.h"

namespace ppplan::architecture {

const IncludeTable& include_table() {
  static const IncludeTable table = {
      {"traces", {}},
      {"planner/input", {}},
      {"planner/catalog", {}},
      {"planner/spec", {"planner/catalog"}},
      {"planner/engines", {"planner/catalog", "planner/spec"}},
      {"planner/schedule", {"traces"}},
      {"planner/cost", {"planner/catalog", "planner/spec", "planner/engines", "planner/schedule", "traces"}},
      // Plans of training are searched over orders, which live in the schedule folder.
      {"planner/search", {"planner/spec", "planner/engines", "planner/cost", "planner/schedule"}},
      {"planner/report", {"planner/schedule", "traces"}},
      {"planner/verify", {"planner/catalog", "planner/spec", "planner/schedule", "traces"}},
      {"sim", {"planner/spec", "planner/engines", "planner/schedule", "traces"}},
      {"kernels", {}},
      {"exec", {"planner/spec", "planner/schedule", "traces", "kernels"}},
  };
  return table;
}

const IncludeTable& visible_table() {
  static const IncludeTable table = [] {
    IncludeTable out = include_table();
    // The cost headers that search includes hold OperationTimes.
    out["planner/search"].insert("traces");
    return out;
  }();
  return table;
}

std::string folder_of(std::string_view path) {
  const auto first = path.find('/');
  if (first == std::string_view::npos) return "";
  if (path.substr(0, first) != "planner") return std::string(path.substr(0, first));
  const auto second = path.find('/', first + 1);
  return std::string(path.substr(0, second));
}

bool is_allowed(const IncludeTable& table, const std::string& from, const std::string& to) {
  if (from == to || to == "planner/input") return true;
  const auto row = table.find(from);
  return row == table.end() || row->second.contains(to);
}

}  // namespace ppplan::architecture
