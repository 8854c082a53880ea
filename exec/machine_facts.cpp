#include "exec/machine_facts.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <ctime>
#include <fstream>

#include "kernels/host/operations.h"

namespace ppplan::exec {

namespace {

// The value of the first "name : value" line of /proc/cpuinfo.
std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

std::map<std::string, std::string> machine_facts(const std::vector<int>& cores) {
  std::map<std::string, std::string> facts;
  facts["cpu"] = cpu_model();
  facts["cores"] = fmt::format("{}", fmt::join(cores, ","));
  facts["instructions"] = std::string(kernels::host::operations().instructions);
  facts["compiler"] = __VERSION__;
  facts["date"] = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  double load = 0;
  if (getloadavg(&load, 1) == 1) facts["load"] = fmt::format("{:.2f}", load);
  const std::string governor = first_line(
      fmt::format("/sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor", cores.empty() ? 0 : cores.front()));
  if (!governor.empty()) facts["governor"] = governor;
  return facts;
}

}  // namespace ppplan::exec
