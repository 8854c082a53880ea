#include <stdexcept>

#include "planner/input/document.h"
#include "tests/fuzz/target.h"
#include "tools/ppplan/kept_profile.h"

// What is taken up is kept again as it was read: a run that goes on and ends loses nothing of the one before.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ppplan;
  return fuzz::target(data, size, [](const std::string& text) {
    const spec::ModelSpec model;
    const auto read = [](const std::string& from) {
      return tools::progress_from_json(input::parse_document(from, "h100.json.partial").root());
    };
    const input::Json kept = tools::to_json(read(text), model);
    if (tools::to_json(read(kept.dump()), model) != kept) throw std::logic_error("kept otherwise than it was read");
  });
}
