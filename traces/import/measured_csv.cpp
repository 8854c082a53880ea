#include <algorithm>
#include <set>

#include "traces/import/readers.h"

namespace ppplan::traces {
namespace {

/// Columns with a meaning of their own; every other one is a dimension of the shape.
const std::set<std::string, std::less<>>& known_columns() {
  static const std::set<std::string, std::less<>> names = {"op",      "tokens", "batch", "kv_tokens", "tp",
                                                           "seconds", "dtype",  "p10_s", "p90_s",     "repeats"};
  return names;
}

}  // namespace

void read_measured_csv(const CsvTable& table, const ImportOptions& options, Profile& profile) {
  const std::size_t op = table.column("op"), tokens = table.column("tokens"), batch = table.column("batch");
  const std::size_t kv_tokens = table.column("kv_tokens"), tp = table.column("tp"), seconds = table.column("seconds");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    Operation one;
    one.op = table.text(row, op);
    if (one.op.empty()) table.fail(row, op, "the name of an operation");
    one.dtype = table.has("dtype") ? std::string(table.text(row, table.column("dtype"))) : options.dtype;
    one.shape = options.shape;
    for (std::size_t column = 0; column < table.columns().size(); ++column)
      if (!known_columns().contains(table.columns()[column]))
        one.shape[table.columns()[column]] = table.whole(row, column, 0);
    one.tokens = table.whole(row, tokens, 1);
    one.batch = table.whole(row, batch, 1);
    one.kv_tokens = table.whole(row, kv_tokens, 0);
    one.tp = static_cast<int>(std::min<std::int64_t>(table.whole(row, tp, 1), 1 << 20));
    one.median_s = table.positive(row, seconds);
    one.p10_s = table.has("p10_s") ? table.positive(row, table.column("p10_s")) : one.median_s;
    one.p90_s = table.has("p90_s") ? table.positive(row, table.column("p90_s")) : one.median_s;
    if (one.p90_s < one.p10_s)
      table.fail(row, table.column(table.has("p90_s") ? "p90_s" : "p10_s"), "p10_s to be at most p90_s");
    if (table.has("repeats"))
      one.repeats = static_cast<int>(std::min<std::int64_t>(table.whole(row, table.column("repeats"), 1), 1 << 30));
    profile.operations.push_back(std::move(one));
  }
}

}  // namespace ppplan::traces
