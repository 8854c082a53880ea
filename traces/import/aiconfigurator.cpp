#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "planner/input/input_error.h"
#include "traces/import/fit_operation.h"
#include "traces/import/readers.h"

namespace ppplan::traces {
namespace {

constexpr double s_per_ms = 1e-3;

using RowsByDtype = std::map<std::pair<std::string, std::string>, std::vector<MeasuredRow>>;  // op, dtype

/// Our name of a table's number format; "" of formats that no plan asks for (block-scaled ones).
std::string dtype_of(std::string_view name) {
  if (name == "bfloat16") return "bf16";
  if (name == "fp8") return "fp8";
  return "";
}

void read_gemm(const CsvTable& table, RowsByDtype& rows) {
  const std::size_t dtype = table.column("gemm_dtype"), latency = table.column("latency");
  const std::size_t m = table.column("m"), n = table.column("n"), k = table.column("k");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto size = [&](std::size_t column) { return static_cast<double>(table.whole(row, column, 1)); };
    const MeasuredRow measured{{size(m), size(n), size(k)}, table.positive(row, latency) * s_per_ms};
    const std::string name = dtype_of(table.text(row, dtype));
    if (!name.empty()) rows[{"gemm", name}].push_back(measured);
  }
}

void read_attention(const CsvTable& table, RowsByDtype& rows) {
  const std::size_t op = table.column("op_name"), dtype = table.column("kv_cache_dtype"),
                    latency = table.column("latency");
  const std::size_t batch = table.column("batch_size"), length = table.column("isl"), step = table.column("step");
  const std::size_t heads = table.column("num_heads"), kv_heads = table.column("num_key_value_heads"),
                    dim = table.column("head_dim");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto size = [&](std::size_t column) { return static_cast<double>(table.whole(row, column, 1)); };
    const std::string name(table.text(row, op));
    const bool decode = name == "generation_attention";
    if (!decode && name != "context_attention") table.fail(row, op, "context_attention or generation_attention");
    if (!decode && table.whole(row, step, 0) != 0) table.fail(row, step, "prefill without cached tokens, 0");
    const MeasuredRow measured{{size(batch), size(decode ? step : length), size(heads), size(kv_heads), size(dim)},
                               table.positive(row, latency) * s_per_ms};
    const std::string format = dtype_of(table.text(row, dtype));
    if (!format.empty()) rows[{name, format}].push_back(measured);
  }
}

/// Which way vLLM takes over NVLink (csrc/custom_all_reduce.cuh and custom_all_reduce.py, Apache-2.0): its own kernel
/// below 8 MiB, in one step while the message is short. Over PCIe its curves show no step.
std::string method_of(std::string_view link, int ranks, std::int64_t bytes) {
  constexpr std::int64_t kib = 1024, largest_own = 8 * kib * kib;
  if (link != "nvlink") return "";
  if (bytes >= largest_own) return "nccl";
  const std::int64_t one_shot_below = ranks == 2 ? largest_own : ranks <= 4 ? 512 * kib : 256 * kib;
  return bytes < one_shot_below ? "one-shot" : "two-shot";
}

/// vLLM's all-reduce as its CUDA graphs run it. Sizes count elements of 2 bytes: the hand-over to NCCL at 8 MiB shows
/// in the tables at 4,194,304.
void read_custom_all_reduce(const CsvTable& table, const ImportOptions& options, std::vector<LinkSample>& samples) {
  const std::size_t backend = table.column("backend"), ranks = table.column("num_gpus");
  const std::size_t size = table.column("message_size"), latency = table.column("latency");
  const std::string link = intra_node_link_of(options, table.text(0, table.column("device")));
  constexpr std::int64_t element_bytes = 2;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    LinkSample one{"all_reduce", link, static_cast<int>(std::min<std::int64_t>(table.whole(row, ranks, 2), 1 << 20))};
    one.to = one.ranks - 1;
    one.bytes = element_bytes * table.whole(row, size, 1);
    one.median_s = table.positive(row, latency) * s_per_ms;
    one.method = method_of(link, one.ranks, one.bytes);
    if (table.text(row, backend) == "vllm_graph") samples.push_back(one);
  }
}

/// NCCL's own benchmark, with 2-byte elements.
void read_nccl(const CsvTable& table, const ImportOptions& options, std::vector<LinkSample>& samples) {
  const std::size_t op = table.column("op_name"), dtype = table.column("nccl_dtype"), ranks = table.column("num_gpus");
  const std::size_t size = table.column("message_size"), latency = table.column("latency"),
                    version = table.column("version");
  const std::string link = intra_node_link_of(options, table.text(0, table.column("device")));
  constexpr std::int64_t element_bytes = 2;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    LinkSample one{"all_reduce", link, static_cast<int>(std::min<std::int64_t>(table.whole(row, ranks, 2), 1 << 20))};
    one.to = one.ranks - 1;
    one.bytes = element_bytes * table.whole(row, size, 1);
    one.median_s = table.positive(row, latency) * s_per_ms;
    one.engine.assign("nccl ").append(table.text(row, version));
    if (table.text(row, op) == "all_reduce" && table.text(row, dtype) == "half") samples.push_back(one);
  }
}

/// "vllm 0.14.0" of the columns framework and version, the same in all tables but NCCL's.
void take_engine(const CsvTable& table, Profile& profile) {
  const std::size_t framework = table.column("framework"), version = table.column("version");
  std::string engine;
  for (char c : table.text(0, framework)) engine += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  engine.append(1, ' ').append(table.text(0, version));
  if (profile.engine.empty()) profile.engine = engine;
  if (profile.engine != engine) table.fail(0, version, "tables of one engine, " + profile.engine);
}

void check_one_device(const std::vector<CsvTable>& tables) {
  std::string_view device;
  for (const CsvTable& table : tables) {
    const std::size_t column = table.column("device");
    for (std::size_t row = 0; row < table.rows(); ++row) {
      if (device.empty()) device = table.text(row, column);
      if (table.text(row, column) != device) table.fail(row, column, "tables of one device, " + std::string(device));
    }
  }
}

void add_fits(const RowsByDtype& rows, std::string_view device, const ImportOptions& options, Profile& profile) {
  FitOptions fit;
  fit.multiprocessors = multiprocessors_of(options, device);
  fit.folds = options.folds;
  fit.seed = options.seed;
  for (const auto& [key, of_key] : rows) {
    if (of_key.size() < fewest_rows_of_a_fit)
      throw input::InputError(key.first, key.second, std::to_string(fewest_rows_of_a_fit) + " rows or more to fit",
                              std::to_string(of_key.size()));
    FittedOperationResult result = fit_operation(key.first, key.second, of_key, fit);
    profile.fits.push_back(std::move(result.fit));
    profile.errors.insert(profile.errors.end(), result.errors.begin(), result.errors.end());
  }
}

}  // namespace

void read_aiconfigurator(const std::vector<CsvTable>& tables, const ImportOptions& options, Profile& profile) {
  check_one_device(tables);
  RowsByDtype rows;
  std::vector<LinkSample> own, nccl;
  for (const CsvTable& table : tables) {
    if (table.has("nccl_dtype")) {
      read_nccl(table, options, nccl);
      continue;
    }
    take_engine(table, profile);
    if (table.has("gemm_dtype")) {
      read_gemm(table, rows);
    } else if (table.has("allreduce_dtype")) {
      read_custom_all_reduce(table, options, own);
    } else {
      read_attention(table, rows);
    }
  }
  add_fits(rows, tables.front().text(0, tables.front().column("device")), options, profile);
  // Measured once a doubling: all of them stay. The engine's own all-reduce goes before NCCL's.
  constexpr int per_octave = 4;
  add_thinned(own.empty() ? nccl : own, per_octave, profile);
}

}  // namespace ppplan::traces
