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

bool is_chosen_for(const Node& row, const spec::Device& device) {
  return capability(row, "from", 0) <= device.compute_capability &&
         device.compute_capability < capability(row, "below", std::numeric_limits<int>::max());
}

/// The newest row until `version` of those that `fits` takes, the later of equals.
template <typename Fits>
std::optional<Node> newest_row(const VllmVersion& version, const Fits& fits) {
  std::optional<Node> best;
  for (const Node& row : catalog::dtypes().root().at("mxfp4_kernels").items()) {
    const VllmVersion since = vllm_version(row.at("since").text());
    if (since <= version && fits(row) && (!best || vllm_version(best->at("since").text()) <= since)) best = row;
  }
  return best;
}

}  // namespace

ExpertKernel mxfp4_kernel(const spec::Device& device, const std::string& text, const std::string& backend) {
  const VllmVersion version = vllm_version(version_or_newest(text));
  const auto asked = [&](const Node& row) { return backend.find(row.at("kernel").text()) != std::string::npos; };
  std::optional<Node> row = newest_row(version, asked);
  if (!row) row = newest_row(version, [&](const Node& own) { return is_chosen_for(own, device); });
  return row ? kernel_of(*row) : ExpertKernel{};
}

}  // namespace ppplan::engines
