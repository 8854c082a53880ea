#include "tools/ppplan/training_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "planner/report/time_text.h"
#include "tools/ppplan/plan_text.h"
#include "tools/ppplan/wrapped_text.h"

namespace ppplan::tools {
namespace {

using spec::TrainingPlan;

std::string schedule_name(const TrainingPlan& plan) {
  return plan.settings.chunks > 1 ? fmt::format("{} x{}", plan.settings.schedule, plan.settings.chunks)
                                  : plan.settings.schedule;
}

std::string question(const TrainingPlan& plan) {
  return fmt::format("{}: {} layers, steps of {} sequences x {} tokens, on {} x {}{}\n\n", plan.model.name,
                     plan.model.layers.size(), plan.task.global_batch, plan.task.sequence_tokens,
                     plan.cluster.devices.size(), plan.cluster.devices.front().name,
                     plan.cluster.devices.back().name == plan.cluster.devices.front().name ? "" : ", ...");
}

std::string ranking(const std::vector<TrainingPlan>& plans) {
  std::string out = fmt::format("{:>2} {:>3} {:>3} {:>3}  {:<20} {:>5} {:>5} {:>3} {:>9} {:>8} {:>7}\n", "#", "tp",
                                "pp", "dp", "schedule", "batch", "count", "re", "step", "tokens/s", "verdict");
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const TrainingPlan& p = plans[i];
    out += fmt::format("{:>2} {:>3} {:>3} {:>3}  {:<20} {:>5} {:>5} {:>3} {:>9} {:>8.0f} {:>7}\n", i + 1, p.parallel.tp,
                       p.parallel.pp, p.parallel.dp, report::fitted(schedule_name(p), 20), p.settings.sequences,
                       p.settings.micro_batches, p.settings.recompute ? "yes" : "no",
                       report::time_text(p.predicted.step_s), p.predicted.tokens_per_s, spec::name(p.verdict));
  }
  return out +
         "batch: sequences of a micro-batch; count: micro-batches of a step and replica;\n"
         "re: layers run forward again before their backward\n";
}

double gib(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 30); }

std::string layers_of(const TrainingPlan& plan, const spec::TrainingRank& rank) {
  std::string out;
  for (const int s : rank.stages) {
    const spec::TrainingStage& stage = plan.stages[static_cast<std::size_t>(s)];
    out += fmt::format("{}{}-{}", out.empty() ? "" : " ", stage.first_layer, stage.end_layer - 1);
  }
  return report::fitted(out, 15);
}

std::string rank_table(const TrainingPlan& plan) {
  std::string out = fmt::format("\n{:>4}  {:<15} {:>9} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}\n", "rank", "layers", "busy",
                                "weights", "grads", "optim.", "activ.", "other", "margin");
  for (std::size_t r = 0; r < plan.ranks.size(); ++r) {
    const spec::TrainingRank& rank = plan.ranks[r];
    const spec::TrainingMemory& m = rank.memory;
    out += fmt::format("{:>4}  {:<15} {:>9} {:>7.2f} {:>7.2f} {:>7.2f} {:>7.2f} {:>7.2f} {:>7.2f}\n", r,
                       layers_of(plan, rank), report::time_text(rank.busy_s), gib(m.weights_bytes),
                       gib(m.gradients_bytes), gib(m.optimizer_bytes), gib(m.activation_bytes + m.working_bytes),
                       gib(m.other_bytes), gib(m.margin_bytes));
  }
  return out + "memory in GiB per device; activations at their peak in this very order\n";
}

std::string figures(const TrainingPlan& plan) {
  const spec::TrainingPredicted& p = plan.predicted;
  std::string out =
      fmt::format("\n{:<20}{} [{} to {}], {:.0f} tokens/s\n", "step", report::time_text(p.step_s),
                  report::time_text(p.step_range_s.low), report::time_text(p.step_range_s.high), p.tokens_per_s);
  out +=
      fmt::format("{:<20}pipeline {}, gradient sync not hidden {}, update {}\n", "of it",
                  report::time_text(p.pipeline_s), report::time_text(p.exposed_sync_s), report::time_text(p.update_s));
  out += fmt::format("{:<20}{:.1f} % with a barrier at the step's end, {:.1f} % without\n", "bubble",
                     100 * p.bubble_fraction, 100 * p.span_bubble_fraction);
  out += fmt::format("{:<20}{} for this partition in any order ({:.1f} % below)\n", "lower bound",
                     report::time_text(p.lower_bound_s), 100 * (1 - p.lower_bound_s / p.step_s));
  if (!plan.settings.order.empty())
    out += hanging_text(fmt::format("{:<20}", "order"), plan.settings.order + ", the best found");
  if (p.model_flops_fraction > 0)
    out += fmt::format("{:<20}{:.1f} % of the dense bf16 peak, recomputation not counted\n", "model FLOPs",
                       100 * p.model_flops_fraction);
  out += hanging_text(
      fmt::format("{:<20}", "forward times"),
      fmt::format("{}{}{}; backward assumed as multiples of forward, activations and optimizer by "
                  "formula, not measured",
                  plan.provenance.costs, plan.provenance.engine.empty() ? "" : " under ", plan.provenance.engine));
  return out;
}

std::string launch(const TrainingPlan& plan) {
  if (plan.launch.command.empty())
    return "\n" + hanging_text("", fmt::format("Megatron-LM has no schedule like {}: take the best 1f1b or interleaved "
                                               "plan (--schedule), or the order as PyTorch's CSV",
                                               plan.settings.schedule));
  std::string out = "\nMegatron-LM (add the model's own sizes and data):\n  ";
  for (const auto& [key, value] : plan.launch.env) out += key + "=" + value + " ";
  return out + plan.launch.command + "\n";
}

std::string counts_text(const search::Counts& counts) {
  return fmt::format("\n{} candidates, {} evaluated", counts.enumerated, counts.evaluated) + pruned_text(counts) + "\n";
}

std::string shortage(const TrainingPlan& plan) {
  return fmt::format("NOTHING FITS. The least bad configuration is short of {:.2f} GiB on rank {}:\n\n",
                     -gib(smallest_margin_bytes(plan)), fullest_rank(plan));
}

}  // namespace

std::string training_text(const search::TrainingResult& result) {
  if (result.plans.empty())
    return "NOTHING FITS: no plan holds even weights, gradients and optimizer.\n" + counts_text(result.counts);
  const TrainingPlan& best = result.plans.front();
  std::string out = question(best);
  if (!result.feasible) out += shortage(best);
  out += ranking(result.plans) + rank_table(best) + figures(best);
  for (const std::string& warning : best.warnings) out += hanging_text("warning: ", warning);
  return out + alternatives_text(result.alternatives) + launch(best) + counts_text(result.counts);
}

}  // namespace ppplan::tools
