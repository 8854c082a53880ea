#include "planner/input/document.h"
#include "tests/fuzz/target.h"
#include "traces/operation_times.h"
#include "traces/profile_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ppplan;
  return fuzz::target(data, size, [](const std::string& text) {
    const input::Document document = input::parse_document(text, "profile.json");
    const traces::OperationTimes times(traces::profile_from_json(document.root()));
    times.operation({"layer", "bf16", {{"hidden", 64}}, 1, 128, 1, 0});
    times.link("send_recv", "nvlink", 2, 1e6);
  });
}
