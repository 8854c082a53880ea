#include "traces/operation_times_measured.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace ppplan::traces {
namespace {

/// New tokens of all sequences, and the cache at which one sequence of so many attends to as much.
struct Prefill {
  double tokens;
  double kv_tokens;
};

Prefill as_one_sequence(double tokens, double batch, double kv_tokens) {
  const double all = tokens * batch;
  return {all, kv_tokens + (tokens - all) / 2};
}

/// Of several measurements of one point; 1 unless all of them were taken alone, too.
double alone_fraction(const std::vector<const Operation*>& measured) {
  double alone_s = 0, loaded_s = 0;
  for (const Operation* one : measured) {
    if (!(one->alone_s > 0)) return 1;
    alone_s += one->alone_s;
    loaded_s += one->median_s;
  }
  return std::min(1.0, alone_s / loaded_s);
}

double spread(const Operation& operation) {
  return std::max(0.0, (operation.p90_s - operation.p10_s) / 2 / operation.median_s);
}

}  // namespace

MeasuredOperations::MeasuredOperations(const std::vector<Operation>& operations,
                                       const std::map<std::string, double>& errors) {
  std::map<Key, std::vector<Surface::Point>> decode, prefill, alone_decode, alone_prefill;
  std::set<Key> loaded_only;
  std::map<Key, std::map<Size, std::vector<const Operation*>>> sizes;
  for (const Operation& operation : operations) {
    const Key key{operation.op, operation.dtype, operation.tp, operation.shape};
    const auto tokens = static_cast<double>(operation.tokens);
    const auto batch = static_cast<double>(operation.batch);
    const auto kv = static_cast<double>(operation.kv_tokens);
    sizes[key][{tokens, batch, kv}].push_back(&operation);
    if (!(operation.alone_s > 0)) loaded_only.insert(key);
    const Prefill one = as_one_sequence(tokens, batch, kv);
    // One token of one sequence is the smallest prefill, too.
    const bool on_prefill = operation.tokens > 1 || operation.batch == 1;
    const auto add = [&](double seconds, auto& to_decode, auto& to_prefill) {
      if (operation.tokens == 1) to_decode[key].push_back({batch, kv, seconds, spread(operation)});
      if (on_prefill) to_prefill[key].push_back({one.tokens, one.kv_tokens, seconds, spread(operation)});
    };
    add(operation.median_s, decode, prefill);
    add(operation.alone_s, alone_decode, alone_prefill);
  }
  for (auto& [key, of_key] : sizes) {
    Set& set = sets_[key];
    set.decode = Surface(std::move(decode[key]));
    set.prefill = Surface(std::move(prefill[key]));
    if (!loaded_only.contains(key)) {
      set.alone_decode = Surface(std::move(alone_decode[key]));
      set.alone_prefill = Surface(std::move(alone_prefill[key]));
    }
    const auto error = errors.find(std::get<0>(key));
    if (error != errors.end()) set.interpolation_error = error->second;
    for (const auto& [size, measured] : of_key) {
      OperationTime& exact = set.exact[size];
      for (const Operation* one : measured) {
        exact.seconds += one->median_s / static_cast<double>(measured.size());
        exact.relative_error = std::max(exact.relative_error, spread(*one));
      }
      exact.alone_fraction = alone_fraction(measured);
    }
  }
}

const MeasuredOperations::Set* MeasuredOperations::find(const OperationQuery& query) const {
  const auto look = [&](const std::string& dtype, const Shape& shape) -> const Set* {
    const auto found = sets_.find(Key{query.op, dtype, query.tp, shape});
    return found == sets_.end() ? nullptr : &found->second;
  };
  if (sets_.empty()) return nullptr;
  for (const std::string& dtype : {query.dtype, std::string()}) {
    if (const Set* set = look(dtype, query.shape)) return set;
    if (const Set* set = look(dtype, {})) return set;
  }
  return nullptr;
}

OperationTime MeasuredOperations::Set::at(double tokens, double batch, double kv_tokens) const {
  const auto measured = exact.find({tokens, batch, kv_tokens});
  if (measured != exact.end()) return measured->second;
  const bool decodes = tokens <= 1;
  // One token of one sequence lies on both surfaces; a set of only such points has its caches on the decode surface.
  const bool on_decode = decode.empty() ? false : prefill.empty() ? true : decodes;
  const Prefill one = as_one_sequence(tokens, batch, kv_tokens);
  const auto ask = [&](const Surface& of_decode, const Surface& of_prefill) {
    return on_decode ? of_decode.at(decodes ? batch : one.tokens, std::max(0.0, decodes ? kv_tokens : one.kv_tokens))
                     : of_prefill.at(one.tokens, one.kv_tokens);
  };
  const Surface::Value value = ask(decode, prefill);
  OperationTime out{value.seconds, std::max(value.relative_error, interpolation_error),
                    value.outside_x || value.above_y};
  if (!(on_decode ? alone_decode : alone_prefill).empty())
    out.alone_fraction = std::min(1.0, ask(alone_decode, alone_prefill).seconds / value.seconds);
  if (on_decode != decodes) out.outside = true;
  if (!value.below_y) return out;
  // Many short sequences attend to less than any one long sequence does: how far the first slope was followed is doubt.
  if (batch > 1 && !decodes) {
    out.relative_error += prefill.at(one.tokens, kv_tokens).seconds / value.seconds - 1;
  } else {
    out.outside = true;
  }
  return out;
}

std::optional<OperationTime> MeasuredOperations::at(const OperationQuery& query) const {
  const Set* set = find(query);
  if (!set) return std::nullopt;
  return set->at(query.tokens, query.batch, query.kv_tokens);
}

}  // namespace ppplan::traces
