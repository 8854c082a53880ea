#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "traces/import/readers.h"

namespace ppplan::traces {
namespace {

constexpr double s_per_ns = 1e-9;

constexpr std::array layer_parts = {"input_layernorm", "q_proj",         "k_proj",    "v_proj",  "rope",   "attn",
                                    "o_proj",          "post_layernorm", "gate_proj", "up_proj", "act_fn", "down_proj"};
constexpr std::array head_parts = {"final_layernorm", "lm_head"};

using Size = std::tuple<int, std::int64_t, std::int64_t>;  // tp, tokens, kv_tokens

struct Sum {
  std::set<std::string> parts;
  double seconds = 0;
  std::size_t row = 0;  // of the table, to name in an error
};

/// Which of "layer", "embedding" and "head" a row of the table belongs to; "" of none.
std::string whole_of(std::string_view part) {
  if (part == "embedding") return "embedding";
  if (std::find(layer_parts.begin(), layer_parts.end(), part) != layer_parts.end()) return "layer";
  if (std::find(head_parts.begin(), head_parts.end(), part) != head_parts.end()) return "head";
  return "";
}

std::size_t parts_of(const std::string& whole) {
  return whole == "layer" ? layer_parts.size() : whole == "head" ? head_parts.size() : 1;
}

std::map<std::pair<std::string, Size>, Sum> summed(const CsvTable& table) {
  const std::size_t layer = table.column("layer_name"), tokens = table.column("input");
  const std::size_t cached = table.column("kv_cache"), tp = table.column("tp_size"),
                    latency = table.column("latency(ns)");
  std::map<std::pair<std::string, Size>, Sum> sums;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::string whole = whole_of(table.text(row, layer));
    if (whole.empty()) table.fail(row, layer, "an operation of a Llama layer");
    const int ranks = static_cast<int>(std::min<std::int64_t>(table.whole(row, tp, 1), 1 << 20));
    const double seconds = table.positive(row, latency) * s_per_ns;
    Sum& sum = sums[{whole, {ranks, table.whole(row, tokens, 1), table.whole(row, cached, 0)}}];
    if (!sum.parts.insert(std::string(table.text(row, layer))).second)
      table.fail(row, layer, "each operation once a size");
    sum.seconds += seconds;
    sum.row = row;
  }
  return sums;
}

}  // namespace

void read_llmservingsim(const CsvTable& table, const ImportOptions& options, Profile& profile) {
  if (profile.engine.empty()) profile.engine = "llmservingsim";
  std::vector<Operation> operations;
  for (const auto& [key, sum] : summed(table)) {
    const auto& [whole, size] = key;
    if (sum.parts.size() != parts_of(whole))
      table.fail(sum.row, table.column("layer_name"),
                 "all " + std::to_string(parts_of(whole)) + " operations of a " + whole + " at this size");
    Operation one;
    one.op = whole;
    one.dtype = options.dtype;
    one.shape = options.shape;
    std::tie(one.tp, one.tokens, one.kv_tokens) = size;
    one.median_s = one.p10_s = one.p90_s = sum.seconds;
    operations.push_back(std::move(one));
  }
  add_thinned(operations, profile);
}

}  // namespace ppplan::traces
