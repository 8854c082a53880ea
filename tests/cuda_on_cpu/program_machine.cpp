// The machine of a program on the doubles, from its environment: PPPLAN_DOUBLE="devices=2 memory=1000000 seed=7".
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>

#include "tests/cuda_on_cpu/runtime.h"

namespace ppplan::cuda_on_cpu {
namespace {

bool made() {
  MachineShape shape;
  std::uint32_t seed = 1;
  const char* told = std::getenv("PPPLAN_DOUBLE");
  std::istringstream words(told != nullptr ? told : "");
  for (std::string word; words >> word;) {
    const std::size_t sign = word.find('=');
    const std::string name = word.substr(0, sign);
    const unsigned long value = std::stoul(word.substr(sign + 1));
    if (name == "devices")
      shape.devices = static_cast<int>(value);
    else if (name == "processors")
      shape.processors = static_cast<int>(value);
    else if (name == "memory")
      shape.memory_bytes = value;
    else if (name == "slice")
      shape.slice_processors = static_cast<int>(value);
    else if (name == "tick_us")
      shape.tick_s = 1e-6 * static_cast<double>(value);
    else if (name == "seed")
      seed = static_cast<std::uint32_t>(value);
    else
      throw std::invalid_argument("PPPLAN_DOUBLE: " + word);
  }
  set_machine(seed, shape);
  return true;
}

const bool is_made = made();

}  // namespace
}  // namespace ppplan::cuda_on_cpu
