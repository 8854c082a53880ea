#include "planner/engines/line_engine.h"
#include "planner/engines/line_graphs.h"
#include "planner/engines/serve_line.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ppplan;
  return fuzz::target(data, size, [](const std::string& text) {
    for (const char* version : {"0.5.4", "0.10", "0.27"}) {
      const engines::ServeLine line = engines::read_serve_line(text, version);
      engines::engine_of_line(line, version);
      engines::graphs_of_line(line, version);
    }
  });
}
