#include <algorithm>
#include <array>

#include "planner/input/input_error.h"
#include "traces/import/readers.h"

namespace ppplan::traces {
namespace {

constexpr double s_per_ms = 1e-3;

/// The columns "time_stats.NAME.*" of one operation, in milliseconds.
struct Stats {
  std::size_t low, high, median, deviation;
};

Stats stats(const CsvTable& table, const std::string& name) {
  const std::string prefix = "time_stats." + name + ".";
  return {table.column(prefix + "min"), table.column(prefix + "max"), table.column(prefix + "median"),
          table.column(prefix + "std")};
}

/// Percentiles of a normal distribution of that deviation, inside of what was seen. False where the time is below the
/// resolution of the tables, 1 us, and reads 0.
bool take_times(const CsvTable& table, std::size_t row, const Stats& of, Operation& out) {
  constexpr double p90_deviations = 1.2816;
  out.median_s = table.not_negative(row, of.median) * s_per_ms;
  const double reach = p90_deviations * table.not_negative(row, of.deviation) * s_per_ms;
  const double low = table.not_negative(row, of.low) * s_per_ms, high = table.not_negative(row, of.high) * s_per_ms;
  if (out.median_s <= 0) return false;
  out.p10_s = std::max({low, out.median_s - reach, 0.1 * out.median_s});
  out.p90_s = std::max(out.p10_s, std::min(high, out.median_s + reach));
  return true;
}

struct Dimensions {
  std::int64_t heads, kv_heads, hidden, intermediate;
  int tp;
};

int parallel(const CsvTable& table, std::size_t row, std::size_t column) {
  return static_cast<int>(std::min<std::int64_t>(table.whole(row, column, 1), 1 << 20));
}

/// The matrix products of a Llama layer as [n, k] of one rank, and the operations that aren't products.
void add_mlp_row(const CsvTable& table, std::size_t row, const Dimensions& d, const ImportOptions& options,
                 std::vector<Operation>& out) {
  const std::int64_t head_dim = d.hidden / d.heads, tp = d.tp;
  const auto add = [&](const char* column, const char* op, Shape shape, int with_tp) {
    Operation one;
    one.op = op;
    one.dtype = options.dtype;
    one.shape = std::move(shape);
    one.tp = with_tp;
    one.tokens = table.whole(row, table.column("num_tokens"), 1);
    if (take_times(table, row, stats(table, column), one)) out.push_back(one);
  };
  add("attn_pre_proj", "gemm", {{"n", (d.heads + 2 * d.kv_heads) * head_dim / tp}, {"k", d.hidden}}, 1);
  add("attn_post_proj", "gemm", {{"n", d.hidden}, {"k", d.hidden / tp}}, 1);
  add("mlp_up_proj", "gemm", {{"n", 2 * d.intermediate / tp}, {"k", d.hidden}}, 1);
  add("mlp_down_proj", "gemm", {{"n", d.hidden}, {"k", d.intermediate / tp}}, 1);
  const Shape hidden = {{"hidden", d.hidden}};
  add("emb", "embedding", hidden, d.tp);
  add("input_layernorm", "norm", hidden, d.tp);
  add("attn_rope", "rotary", hidden, d.tp);
  add("mlp_act", "activation", hidden, d.tp);
  add("add", "residual", hidden, d.tp);
}

void read_mlp(const CsvTable& table, const ImportOptions& options, Profile& profile) {
  std::vector<Operation> operations;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const Dimensions d{table.whole(row, table.column("n_head"), 1), table.whole(row, table.column("n_kv_head"), 1),
                       table.whole(row, table.column("n_embd"), 1),
                       table.whole(row, table.column("n_expanded_embd"), 1),
                       parallel(table, row, table.column("num_tensor_parallel_workers"))};
    add_mlp_row(table, row, d, options, operations);
  }
  add_thinned(operations, profile);
}

void read_attention(const CsvTable& table, const ImportOptions& options, Profile& profile) {
  const std::size_t is_prefill = table.column("is_prefill"), batch = table.column("batch_size");
  const std::size_t chunk = table.column("prefill_chunk_size"), cached = table.column("kv_cache_size");
  const Stats prefill = stats(table, "attn_prefill"), decode = stats(table, "attn_decode");
  std::vector<Operation> operations;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::int64_t heads = table.whole(row, table.column("n_q_head"), 1),
                       kv_heads = table.whole(row, table.column("n_kv_head"), 1);
    const std::int64_t hidden = table.whole(row, table.column("n_embd"), 1);
    const int tp = parallel(table, row, table.column("num_tensor_parallel_workers"));
    if (table.text(row, is_prefill) != "True" && table.text(row, is_prefill) != "False")
      table.fail(row, is_prefill, "True or False");
    const bool first = table.text(row, is_prefill) == "True";
    Operation one;
    one.op = first ? "context_attention" : "generation_attention";
    one.dtype = options.dtype;
    one.shape = {
        {"heads", heads / tp}, {"kv_heads", std::max<std::int64_t>(1, kv_heads / tp)}, {"head_dim", hidden / heads}};
    one.batch = table.whole(row, batch, 1);
    one.tokens = first ? table.whole(row, chunk, 1) : 1;
    one.kv_tokens = table.whole(row, cached, 0);
    if (take_times(table, row, first ? prefill : decode, one)) operations.push_back(one);
  }
  add_thinned(operations, profile);
}

constexpr std::array collectives = {"send_recv", "all_reduce"};

}  // namespace

bool is_vidur_network(const CsvTable& table) { return table.has("collective") && table.has("devices_per_node"); }

void read_vidur_network(const CsvTable& table, const ImportOptions& options, Profile& profile) {
  const std::size_t collective = table.column("collective"), workers = table.column("num_workers");
  const std::size_t size = table.column("size"), per_node = table.column("devices_per_node");
  const std::string inside = intra_node_link_of(options, options.device);
  std::vector<LinkSample> samples;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::string op(table.text(row, collective));
    if (std::find(collectives.begin(), collectives.end(), op) == collectives.end())
      table.fail(row, collective, "send_recv or all_reduce");
    LinkSample one;
    one.op = op;
    one.ranks = parallel(table, row, workers);
    if (one.ranks < 2) table.fail(row, workers, "at least 2");
    one.to = one.ranks - 1;
    // As many ranks as sit on a node: one node. Fewer on each than ranks in all: messages cross nodes.
    const std::int64_t on_node = table.whole(row, per_node, 1);
    one.link = on_node >= one.ranks ? inside : "network";
    one.bytes = table.whole(row, size, 1);
    one.median_s = table.positive(row, table.column("time_stats." + op + ".median")) * s_per_ms;
    one.engine = "nccl";
    // Rings that cross nodes with several ranks on each are neither the one link nor the other.
    if (one.link == inside || on_node == 1) samples.push_back(one);
  }
  constexpr int per_octave = 3;
  add_thinned(samples, per_octave, profile);
}

void read_vidur(const CsvTable& table, const ImportOptions& options, Profile& profile) {
  if (is_vidur_network(table)) return read_vidur_network(table, options, profile);
  // The projects profile with PyTorch's kernels, outside of any serving engine.
  if (profile.engine.empty()) profile.engine = "vidur";
  if (table.has("num_tokens")) return read_mlp(table, options, profile);
  if (table.has("prefill_chunk_size")) return read_attention(table, options, profile);
  throw input::InputError(table.source(), "line 1", "the columns of a vidur mlp, attention or network table", "others");
}

}  // namespace ppplan::traces
