#include "planner/engines/serve_line.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ppplan;
  return fuzz::target(data, size, [](const std::string& text) {
    for (const char* version : {"0.5.4", "0.10", "0.27"}) engines::read_serve_line(text, version);
  });
}
