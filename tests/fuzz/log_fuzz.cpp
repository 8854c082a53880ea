#include "planner/engines/log_diagnosis.h"
#include "planner/engines/vllm_log.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ppplan;
  return fuzz::target(data, size, [](const std::string& text) {
    const engines::VllmLog log = engines::read_vllm_log(text, "server.log");
    engines::diagnose(log);
    engines::calibration_of(log);
    engines::input_from_log(log);
  });
}
