// Measured data and golden answers that lie beside a checkout, not in it. A test that wants them skips where they are
// absent:
//
//   const auto path = shared_file("golden/partitions.json");
//   if (path.empty()) GTEST_SKIP() << "no golden data beside this checkout";
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/source_dir.h"

namespace ppplan::tests {

/// Path of a file below the folder named by PPPLAN_SHARED, or `shared` beside the checkout; "" when it is not there.
inline std::string shared_file(const std::string& name) {
  const char* told = std::getenv("PPPLAN_SHARED");
  const std::filesystem::path folder = told ? told : source_dir() + "/../shared";
  const std::filesystem::path path = folder / name;
  return std::filesystem::exists(path) ? path.string() : std::string();
}

}  // namespace ppplan::tests
