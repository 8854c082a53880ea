// An index, or a safetensors file's first bytes with up to 2^16 bytes of data behind them.
#include "planner/spec/safetensors.h"
#include "planner/spec/stated_bytes.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ppplan;
  return fuzz::target(data, size, [](const std::string& text) {
    if (text.starts_with("{")) {
      for (const auto& [name, file] : spec::read_safetensors_index(text, "index.json").weight_map)
        spec::belonging(name);
      return;
    }
    const auto file_size = static_cast<std::int64_t>(text.size()) + (std::int64_t{1} << 16);
    for (const spec::TensorSize& tensor : spec::read_safetensors_header(text, file_size, "x.safetensors"))
      spec::belonging(tensor.name);
  });
}
