#include "planner/input/document.h"
#include "planner/spec/plan_json.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ppplan;
  return fuzz::target(data, size, [](const std::string& text) {
    const input::Document document = input::parse_document(text, "plan.json");
    spec::to_json(spec::plan_from_json(document.root()));
  });
}
