#include "planner/search/configured.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "planner/cost/assess.h"
#include "planner/engines/architecture_rules.h"
#include "planner/engines/vllm_rules.h"
#include "planner/input/input_error.h"
#include "planner/search/build_plan.h"
#include "planner/search/device_orders.h"
#include "planner/search/finalists.h"
#include "planner/search/micro_batching.h"
#include "planner/search/neighbours.h"
#include "planner/search/partitions.h"
#include "planner/search/question.h"
#include "planner/search/shortage.h"

namespace ppplan::search {

namespace {

/// vLLM clips a batch to what all sequences together can hold.
spec::MicroBatching stated_setting(const Question& question, const spec::Parallel& parallel) {
  const Request& request = question.request;
  spec::MicroBatching setting = pipeline_depth(question, parallel);
  const engines::VllmDefaults defaults = engines::vllm_defaults(
      question.vllm, request.cluster.devices[0],
      {parallel.pp, question.max_model_len, &request.model, request.engine.generation, request.engine.runner,
       request.engine.chunked_prefill, request.engine.adapters.count > 0});
  setting.max_num_seqs = request.max_num_seqs.value_or(defaults.max_num_seqs);
  const long long most = 1LL * setting.max_num_seqs * question.max_model_len;
  setting.max_num_batched_tokens = request.max_num_batched_tokens.value_or(
      static_cast<int>(std::min<long long>(std::max(defaults.max_num_batched_tokens, setting.max_num_seqs), most)));
  return setting;
}

/// The request with everything decided that a server would decide for itself.
Request as_started(const Request& asked) {
  Request request = asked;
  if (request.partition && !request.pp) request.pp = static_cast<int>(request.partition->size());
  request.tp = asked.tp.value_or(1);
  request.pp = request.pp.value_or(1);
  request.dp = asked.dp.value_or(1);
  request.keep_order = true;
  if (!request.max_model_len && request.model.max_position > 0) request.max_model_len = request.model.max_position;
  return request;
}

}  // namespace

spec::Plan configured_plan(const Request& asked, cost::CostBook& book, const Evaluator& simulate) {
  const Request request = as_started(asked);
  const Question question = question_of(request, book);
  const spec::Parallel parallel{*request.tp, *request.pp, *request.dp};
  if (const std::string fault = order_fault(question, given_order(parallel)); !fault.empty())
    throw input::InputError("--gpus", "", "cards that vLLM " + question.vllm + " serves this model on", fault);
  if (parallel.pp <= question.layers)
    if (const std::string fault = engines::pipeline_fault(request.model, parallel.pp, question.vllm); !fault.empty())
      throw parallel.pp > 1
          ? input::InputError("--pp", "", "a degree that vLLM " + question.vllm + " runs this model with", fault)
          : input::InputError("--vllm", "", "a version that serves this model", fault);
  spec::Plan plan = build_plan(question, parallel, stated_setting(question, parallel),
                               first_partition(question, parallel.pp), given_order(parallel));
  cost::assess_memory(plan);
  cost::assess_times(plan, book);
  plan.predicted = cost::analytic(plan);
  Counts counts;
  std::vector<spec::Plan> one{std::move(plan)};
  if (one.front().verdict != spec::Verdict::oom) simulate_all(one, simulate, counts);
  plan = std::move(one.front());
  add_launch(plan);
  add_neighbours(question, plan, {}, counts);
  return plan;
}

Request request_of(const spec::Plan& plan) {
  Request request;
  request.model = plan.model;
  request.cluster = plan.cluster;
  request.workload = plan.workload;
  request.max_model_len = plan.max_model_len;
  request.gpu_memory_utilization = plan.gpu_memory_utilization;
  request.engine = plan.engine;
  request.corrections = plan.corrections;
  request.vllm = plan.provenance.vllm;
  request.top = 1;
  return request;
}

std::vector<Alternative> alternatives_to(const spec::Plan& plan, cost::CostBook& book) {
  const std::atomic<bool> never{false};
  const Result result = search(request_of(plan), book, {}, {}, never);
  std::vector<Alternative> all;
  if (!result.plans.empty() && !(result.plans.front().parallel == plan.parallel)) {
    const spec::Plan& best = result.plans.front();
    all.push_back({best.parallel, std::string(spec::name(best.verdict)),
                   fmt::format("the best for the goal {} in closed form: {:.4g} output tokens/s, {:.4g} s to the first "
                               "token, {:.4g} s per output token",
                               spec::name(plan.workload.goal), best.predicted.output_tokens_per_s,
                               best.predicted.ttft_s, best.predicted.tpot_s)});
  }
  for (const Alternative& other : result.alternatives)
    if (!(other.parallel == plan.parallel)) all.push_back(other);
  return all;
}

std::optional<spec::Plan> mended_plan(const Request& asked, cost::CostBook& book, const Evaluator& simulate) {
  Request request = as_started(asked);
  request.partition.reset();
  request.keep_order = false;
  request.top = 1;
  const std::atomic<bool> never{false};
  const Result result = search(request, book, simulate, {}, never);
  if (!result.feasible || result.plans.empty()) return std::nullopt;
  return result.plans.front();
}

}  // namespace ppplan::search
