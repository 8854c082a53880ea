#include "planner/spec/smi_topology.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ppplan;
  return fuzz::target(data, size, [](const std::string& text) { spec::read_smi_topology(text, "topo.txt"); });
}
