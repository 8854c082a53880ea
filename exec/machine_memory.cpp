#include "exec/machine_memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include "planner/input/input_error.h"

namespace ppplan::exec {

void require_memory(const std::string& model, const std::string& what, std::int64_t bytes) {
  const std::int64_t machine =
      static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::int64_t>(sysconf(_SC_PAGESIZE));
  if (bytes <= machine) return;
  constexpr std::int64_t kMiB = 1 << 20;
  throw input::InputError(model, "", fmt::format("{} in fp32 within this machine's {} MiB", what, machine / kMiB),
                          fmt::format("{} MiB", bytes / kMiB));
}

}  // namespace ppplan::exec
