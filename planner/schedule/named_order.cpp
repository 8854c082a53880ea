#include "planner/schedule/named_order.h"

#include <functional>

#include "planner/input/input_error.h"
#include "planner/schedule/order_rules.h"

namespace ppplan::schedule {
namespace {

enum class Chunks { one, two, any };

struct Rule {
  std::string name;
  Chunks chunks;
  std::function<TrainingOrder(const OrderRequest&)> order;
};

const std::vector<Rule>& rules() {
  static const std::vector<Rule> all{
      {"gpipe", Chunks::one, [](const OrderRequest& r) { return gpipe(r.ranks, r.micro_batches); }},
      {"1f1b", Chunks::one, [](const OrderRequest& r) { return one_f_one_b(r.ranks, r.micro_batches); }},
      {"interleaved", Chunks::any,
       [](const OrderRequest& r) { return interleaved(r.ranks, r.micro_batches, r.chunks, r.group); }},
      {"group-interleaved", Chunks::any,
       [](const OrderRequest& r) {
         return group_interleaved(r.ranks, r.micro_batches, r.chunks, r.group > 0 ? r.group : (r.ranks + 1) / 2);
       }},
      {"looped-bfs", Chunks::any, [](const OrderRequest& r) { return looped_bfs(r.ranks, r.micro_batches, r.chunks); }},
      {"zb-h1", Chunks::one, [](const OrderRequest& r) { return zb_h1(r.ranks, r.micro_batches); }},
      {"zb-h2", Chunks::one, [](const OrderRequest& r) { return zb_h2(r.ranks, r.micro_batches); }},
      {"zbv-torch", Chunks::two, [](const OrderRequest& r) { return zbv(r.ranks, r.micro_batches); }},
      {"dualpipe", Chunks::two, [](const OrderRequest& r) { return dualpipe(r.ranks, r.micro_batches); }},
      {"dualpipev", Chunks::two, [](const OrderRequest& r) { return dualpipe_v(r.ranks, r.micro_batches); }}};
  return all;
}

void check_chunks(const Rule& rule, int chunks) {
  const bool fits = rule.chunks == Chunks::any || chunks == (rule.chunks == Chunks::one ? 1 : 2);
  if (!fits)
    throw input::InputError("schedule: expected " + std::string(rule.chunks == Chunks::one ? "1 chunk" : "2 chunks") +
                            " a rank for " + rule.name + ", found " + std::to_string(chunks));
}

}  // namespace

const std::vector<std::string>& order_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Rule& rule : rules()) out.push_back(rule.name);
    return out;
  }();
  return names;
}

TrainingOrder named_order(const OrderRequest& request) {
  std::string known;
  for (const Rule& rule : rules()) {
    known += (known.empty() ? "" : ", ") + rule.name;
    if (rule.name != request.kind) continue;
    check_chunks(rule, request.chunks);
    return rule.order(request);
  }
  throw input::InputError("schedule", "kind", "one of " + known, "'" + request.kind + "'");
}

}  // namespace ppplan::schedule
