#include "planner/engines/expert_kernel.h"

#include <limits>
#include <optional>

#include "planner/catalog/catalog.h"
#include "planner/engines/vllm_rules.h"
#include "planner/engines/vllm_version.h"
#include "planner/spec/gpu_kind.h"

namespace ppplan::engines {
namespace {

using input::Node;

int capability(const Node& row, const char* key, int otherwise) {
  const auto found = row.find(key);
  return found ? spec::compute_capability(found->text(), found->pointer()) : otherwise;
}

ExpertKernel kernel_of(const Node& row) {
  ExpertKernel out;
  out.name = row.at("kernel").text();
  out.hidden_multiple = row.at("hidden_multiple").count();
  out.width_multiple = row.at("width_multiple").count();
  out.scale_rows_multiple = row.at("scale_rows_multiple").count(0);
  out.bias_bytes = row.at("bias_bytes").count();
  return out;
}

}  // namespace

ExpertKernel mxfp4_kernel(const spec::Device& device, const std::string& text) {
  const VllmVersion version = vllm_version(text.empty() ? newest_vllm() : text);
  std::optional<Node> best;
  for (const Node& row : catalog::dtypes().root().at("mxfp4_kernels").items()) {
    const bool fits = capability(row, "from", 0) <= device.compute_capability &&
                      device.compute_capability < capability(row, "below", std::numeric_limits<int>::max()) &&
                      vllm_version(row.at("since").text()) <= version;
    if (fits && (!best || vllm_version(best->at("since").text()) <= vllm_version(row.at("since").text()))) best = row;
  }
  return best ? kernel_of(*best) : ExpertKernel{};
}

}  // namespace ppplan::engines
