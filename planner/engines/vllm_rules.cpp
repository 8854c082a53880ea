#include "planner/engines/vllm_rules.h"

#include <algorithm>

#include "planner/catalog/catalog.h"
#include "planner/engines/vllm_partition.h"
#include "planner/engines/vllm_version.h"

namespace ppplan::engines {
namespace {

using input::Node;

bool in_class(const Node& card_class, const spec::Device& device) {
  const double gib = static_cast<double>(device.memory_bytes) / (1024.0 * 1024.0 * 1024.0);
  if (gib < card_class.at("memory_gib").number(0)) return false;
  const auto except = card_class.find("except");
  if (!except) return true;
  for (const Node& part : except->items())
    if (device.name.find(part.text()) != std::string::npos) return false;
  return true;
}

Node class_of(const Node& row, const spec::Device& device) {
  const Node classes = row.at("card_classes");
  for (const Node& card_class : classes.items())
    if (in_class(card_class, device)) return card_class;
  classes.fail("a last class of 0 GiB");
}

bool has_experts(const spec::Layer& layer) { return layer.feed_forward.kind == spec::FeedForwardKind::moe; }

bool any_experts(const spec::ModelSpec& model) {
  return std::any_of(model.layers.begin(), model.layers.end(), has_experts);
}

bool on_v2_runner(const Node& row, const spec::ModelSpec& model) {
  for (const Node& entry : row.at("v2_runner").items())
    if (entry.text() == model.architecture || (entry.text() == "dense" && !any_experts(model))) return true;
  return false;
}

}  // namespace

std::vector<std::string> known_vllm() {
  std::vector<std::string> out;
  for (const Node& row : catalog::vllm().root().at("versions").items()) out.push_back(row.at("since").text());
  return out;
}

std::string newest_vllm() { return known_vllm().back(); }

std::string latest_vllm_release() { return catalog::vllm().root().at("latest_release").text(); }

VllmDefaults vllm_defaults(const std::string& version, const spec::Device& device) {
  const Node root = catalog::vllm().root();
  const Node row = vllm_row(version);
  const Node card_class = class_of(row, device);
  VllmDefaults out;
  out.version = row.at("since").text();
  out.gpu_memory_utilization = row.at("gpu_memory_utilization").number(0, 1);
  out.max_num_batched_tokens = card_class.at("max_num_batched_tokens").count();
  out.max_num_seqs = card_class.at("max_num_seqs").count();
  out.block_size = root.at("block_size").count();
  out.send_blocks_next = root.at("send_blocks_next").boolean();
  out.receive_buffers = root.at("receive_buffers").count();
  out.cuda_graphs_in_budget = row.at("cuda_graphs_in_budget").boolean();
  return out;
}

int batches_in_flight(const std::string& version, const spec::ModelSpec& model, int stages) {
  const Node row = vllm_row(version);
  if (!row.at("asynchronous").boolean()) return stages;
  if (stages == 1) return 2;
  return on_v2_runner(row, model) ? stages + 1 : stages;
}

std::vector<int> default_partition(const std::string& version, int layers, int stages) {
  const bool remainder_last = vllm_version(version) < VllmVersion{0, 8, 0};
  return remainder_last ? default_partition_before_0_8(layers, stages) : default_partition(layers, stages);
}

int rank_of(const spec::Parallel& parallel, int replica, int stage, int tp_rank) {
  return (replica * parallel.pp + stage) * parallel.tp + tp_rank;
}

}  // namespace ppplan::engines
