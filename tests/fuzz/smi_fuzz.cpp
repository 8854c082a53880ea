#include "planner/spec/nvidia_smi.h"
#include "planner/spec/smi_devices.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ppplan;
  return fuzz::target(data, size, [](const std::string& text) {
    spec::smi_devices(spec::read_nvidia_smi(text, "smi.txt"), {}, "smi.txt");
  });
}
