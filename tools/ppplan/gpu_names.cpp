#include "tools/ppplan/gpu_names.h"

#include <algorithm>

#include "planner/spec/gpu_kind.h"

namespace ppplan::tools {

std::string catalog_name(const std::string& driver_name) {
  for (const auto& [name, kind] : spec::catalog_gpus())
    if (std::ranges::find(kind.reported_as, driver_name) != kind.reported_as.end()) return name;
  return driver_name;
}

bool is_in_catalog(const std::string& name) { return spec::catalog_gpus().contains(name); }

}  // namespace ppplan::tools
