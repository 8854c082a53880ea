#include "planner/search/partitions.h"

#include <algorithm>

#include "planner/engines/architecture_rules.h"
#include "planner/engines/vllm_rules.h"
#include "planner/search/kv_capacity.h"
#include "planner/search/least_pass.h"
#include "planner/search/stage_problem.h"
#include "planner/search/time_front.h"

namespace ppplan::search {

namespace {

using Partitions = std::vector<std::vector<int>>;

void add(Partitions& all, const std::vector<int>& partition) {
  if (!partition.empty() && std::find(all.begin(), all.end(), partition) == all.end()) all.push_back(partition);
}

void add(Partitions& all, const std::optional<Partition>& partition) {
  if (partition) add(all, partition->layers);
}

// Tokens between what one request needs and the most that fits, and what all running requests would fill.
std::vector<std::int64_t> demands(const spec::Plan& plan, std::int64_t least, std::int64_t most) {
  const std::int64_t request = plan.workload.input_tokens + plan.workload.output_tokens;
  const std::int64_t running =
      std::min(plan.micro_batching.max_num_seqs, (plan.workload.concurrency + plan.parallel.dp - 1) / plan.parallel.dp);
  std::vector<std::int64_t> all;
  if (request * running > least && request * running < most) all.push_back(request * running);
  for (int quarter = 1; quarter <= 3; ++quarter) all.push_back(least + (most - least) * quarter / 4);
  return all;
}

// Two times that the goal adds up or takes the larger of, and how the first is minimised.
struct Front {
  Objective first, second;
  Optimum optimum;
};

// All stages together differ between partitions only where devices do.
std::vector<Front> fronts(spec::Goal goal, bool equal_devices) {
  std::vector<Front> all;
  if (goal == spec::Goal::throughput) all.push_back({Objective::prefill, Objective::decode, optimal_partition});
  if (equal_devices || goal == spec::Goal::max_context) return all;
  const Objective passed = goal == spec::Goal::ttft ? Objective::prefill : Objective::decode;
  all.push_back({passed, passed, least_pass_partition});
  return all;
}

void add_fronts(Partitions& all, const Question& question, const spec::Plan& plan, const PartitionProblem& capped,
                bool equal_devices) {
  for (const Front& front : fronts(question.request.workload.goal, equal_devices)) {
    PartitionProblem problem = capped;
    set_times(problem, plan, question.book, front.first);
    set_limited_times(problem, plan, question.book, front.second);
    for (const std::vector<int>& partition : time_front(std::move(problem), front.optimum)) add(all, partition);
  }
}

void add_thorough(Partitions& all, const Question& question, const spec::Plan& plan, PartitionProblem& problem,
                  const std::vector<double>& kv) {
  PartitionProblem timed = with_kv(problem, kv, question.max_model_len);
  for (Objective objective : {Objective::prefill, Objective::decode}) {
    set_times(timed, plan, question.book, objective);
    add(all, optimal_partition(timed));
    if (timed.layer_s.size() > 1) add(all, least_pass_partition(timed));
  }
  const bool equal_devices = timed.layer_s.size() == 1;
  add_fronts(all, question, plan, timed, equal_devices);
  const auto most = most_kv(problem, kv, question.max_model_len);
  if (!most) return;
  set_times(problem, plan, question.book, Objective::request);
  const std::int64_t least = std::min(most->kv_tokens, std::max<std::int64_t>(plan.predicted.kv_tokens, 0));
  for (std::int64_t tokens : demands(plan, least, most->kv_tokens)) {
    const PartitionProblem demanding = with_kv(problem, kv, tokens);
    add(all, optimal_partition(demanding));
    add_fronts(all, question, plan, demanding, true);
  }
  add(all, optimal_partition(with_kv(problem, kv, most->kv_tokens)));
}

}  // namespace

std::vector<int> first_partition(const Question& question, int stages) {
  if (question.request.partition) return *question.request.partition;
  std::vector<int> usual = engines::default_partition(question.vllm, question.layers, stages);
  const std::vector<bool> cuts = engines::allowed_cuts(question.request.model);
  if (stages == 1 || cuts.empty() || engines::partition_fault(question.request.model, usual).empty()) return usual;
  const auto last = static_cast<int>(std::find(cuts.rbegin(), cuts.rend(), true).base() - cuts.begin()) - 1;
  if (last < stages - 1) return usual;
  std::vector<int> out = engines::default_partition(question.vllm, last, stages - 1);
  out.push_back(question.layers - last);
  return out;
}

std::vector<int> fitting_partition(const Question& question, const spec::Plan& plan) {
  if (question.request.partition) return {};
  const auto found = optimal_partition(with_kv(memory_problem(plan), kv_bytes(plan, 1), question.max_model_len));
  return found ? found->layers : std::vector<int>();
}

std::vector<int> least_short_partition(const Question& question, const spec::Plan& plan) {
  if (question.request.partition) return *question.request.partition;
  return least_short(with_kv(memory_problem(plan), kv_bytes(plan, 1), question.max_model_len));
}

std::vector<std::vector<int>> partitions(const Question& question, const spec::Plan& plan, bool thorough) {
  Partitions all{first_partition(question, plan.parallel.pp)};
  if (question.request.partition || plan.parallel.pp == 1) return all;
  PartitionProblem problem = memory_problem(plan);
  const std::vector<double> kv = kv_bytes(plan, 1);
  PartitionProblem timed = with_kv(problem, kv, question.max_model_len);
  set_times(timed, plan, question.book, Objective::request);
  add(all, optimal_partition(timed));
  if (question.request.workload.goal == spec::Goal::max_context)
    if (const auto most = most_kv(problem, kv, question.max_model_len)) add(all, most->partition);
  if (thorough) add_thorough(all, question, plan, problem, kv);
  return all;
}

std::vector<std::vector<int>> one_layer_moves(const std::vector<int>& partition, int first_boundary, int end_boundary) {
  Partitions moves;
  const int boundaries = static_cast<int>(partition.size()) - 1;
  for (int b = std::max(0, first_boundary); b < std::min(boundaries, end_boundary); ++b)
    for (int step : {-1, 1}) {
      std::vector<int> moved = partition;
      moved[static_cast<std::size_t>(b)] += step;
      moved[static_cast<std::size_t>(b) + 1] -= step;
      if (moved[static_cast<std::size_t>(b)] >= 1 && moved[static_cast<std::size_t>(b) + 1] >= 1)
        moves.push_back(std::move(moved));
    }
  return moves;
}

}  // namespace ppplan::search
