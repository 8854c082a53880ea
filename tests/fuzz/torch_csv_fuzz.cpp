#include "planner/schedule/torch_csv.h"
#include "planner/schedule/torch_order.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ppplan;
  return fuzz::target(data, size, [](const std::string& text) {
    const schedule::TorchSchedule rows = schedule::torch_from_csv(text, "rows.csv");
    if (schedule::torch_from_csv(schedule::torch_to_csv(rows), "rows.csv") != rows) __builtin_trap();
    schedule::training_order(schedule::with_transfers(rows, "rows.csv"), "rows.csv");
  });
}
