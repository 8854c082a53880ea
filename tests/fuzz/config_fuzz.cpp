#include "planner/input/document.h"
#include "planner/spec/model_spec.h"
#include "planner/spec/read_model.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ppplan;
  return fuzz::target(data, size, [](const std::string& text) {
    const input::Document document = input::parse_document(text, "config.json");
    spec::parameters(spec::model_from_config(document.root(), "fuzzed"));
  });
}
