// ppplan schedule: a training schedule for given costs, with its bubbles, its memory and what bounds it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <memory>

#include "planner/input/input_error.h"
#include "planner/report/report_json.h"
#include "planner/report/report_text.h"
#include "planner/report/timeline_text.h"
#include "planner/schedule/longest_path.h"
#include "planner/schedule/named_order.h"
#include "planner/schedule/schedule_json.h"
#include "planner/schedule/training_schedule.h"
#include "planner/schedule/training_times.h"
#include "tools/ppplan/commands.h"
#include "traces/timeline_json.h"

namespace ppplan::tools {
namespace {

using schedule::TrainingCosts;
using schedule::TrainingOrder;

struct Flags {
  schedule::OrderRequest order;
  std::optional<int> chunks;
  std::string forward = "1", backward = "1", weight = "1", comm = "0", activation = "1", buffers = "unbounded";
  std::optional<double> overlap, memory_limit;
  double release_at_input = 0.5;
  std::string trace, out;
};

struct Result {
  TrainingOrder order;
  TrainingCosts costs;
  schedule::TrainingTimes times;
  schedule::Schedule schedule;
  traces::Timeline timeline;
  report::BubbleReport report;
};

/// One number for every stage, or one of each, separated by commas.
std::vector<double> numbers(const std::string& text, const std::string& flag, std::size_t stages) {
  std::vector<double> out;
  for (const char *at = text.data(), *const end = at + text.size(); at <= end;) {
    double value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc() || (next != end && *next != ','))
      throw input::InputError(flag, "", "numbers separated by commas", "'" + text + "'");
    out.push_back(value);
    at = next + 1;
  }
  if (out.size() == 1) out.resize(stages, out.front());
  if (out.size() != stages)
    throw input::InputError(flag, "", fmt::format("one number, or one of each of the {} stages", stages),
                            fmt::format("{} numbers", out.size()));
  return out;
}

TrainingCosts costs_of(const Flags& flags, const TrainingOrder& order) {
  const std::size_t stages = order.rank_of.size();
  const auto forward = numbers(flags.forward, "--forward", stages),
             input = numbers(flags.backward, "--backward", stages), weight = numbers(flags.weight, "--weight", stages),
             comm = numbers(flags.comm, "--comm", stages),
             activation = numbers(flags.activation, "--activation-bytes", stages);
  TrainingCosts costs;
  for (std::size_t s = 0; s < stages; ++s)
    costs.stages.push_back({forward[s], input[s], weight[s], comm[s], activation[s]});
  costs.released_by_input_gradient = flags.release_at_input;
  if (flags.overlap) costs.overlap_factor = *flags.overlap / (forward[0] + input[0] + weight[0]);
  check_costs(costs, static_cast<int>(stages));
  return costs;
}

int buffers_of(const std::string& text) {
  if (text == "unbounded") return 0;
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 1)
    throw input::InputError("--receive-buffers", "", "a whole number of at least 1, or unbounded", "'" + text + "'");
  return count;
}

Result result_of(const Flags& flags) {
  Result out;
  schedule::OrderRequest request = flags.order;
  const bool v_shaped = request.kind == "zbv-torch" || request.kind.starts_with("dualpipe");
  request.chunks = flags.chunks.value_or(v_shaped ? 2 : 1);
  out.order = named_order(request);
  out.costs = costs_of(flags, out.order);
  out.times = training_times(out.order, out.costs);
  out.schedule = training_schedule(out.order, out.costs, out.times, buffers_of(flags.buffers));
  const std::vector<double> seconds = own_seconds(out.schedule);
  out.timeline = longest_path(out.schedule, seconds);
  report::ActivationCosts activations;
  activations.bytes.clear();
  for (const schedule::StageTraining& stage : out.costs.stages) activations.bytes.push_back(stage.activation);
  activations.release_at_input = flags.release_at_input;
  out.report = bubble_report(out.schedule, out.timeline, seconds, activations);
  return out;
}

/// The rank that holds most beyond the limit; nothing when all fit.
std::string memory_fault(const Flags& flags, const Result& result) {
  if (!flags.memory_limit) return "";
  const auto most = std::ranges::max_element(result.times.peak_activations);
  if (*most <= *flags.memory_limit * (1 + 1e-12)) return "";
  return fmt::format("does not fit: rank {} holds activations of {:.6g}, {:.6g} more than the limit of {:.6g}\n",
                     most - result.times.peak_activations.begin(), *most, *most - *flags.memory_limit,
                     *flags.memory_limit);
}

input::Json document(const Flags& flags, const Result& result, bool fits) {
  input::Json out = report::to_json(result.report);
  out["kind"] = flags.order.kind;
  out["span_s"] = result.times.span_s;
  out["barrier_bubble_fraction"] = result.report.bubble_fraction;
  out["peak_activations"] = result.times.peak_activations;
  out["peak_micro_batches"] = result.times.peak_micro_batches;
  out["fits"] = fits;
  out["inputs"] = {
      {"kind", flags.order.kind}, {"stages", flags.order.ranks},      {"micro_batches", flags.order.micro_batches},
      {"forward", flags.forward}, {"backward", flags.backward},       {"weight", flags.weight},
      {"comm", flags.comm},       {"receive_buffers", flags.buffers}, {"assumed", input::Json::array()}};
  return out;
}

void print(Context& context, const Flags& flags) {
  const Result result = result_of(flags);
  const std::string fault = memory_fault(flags, result);
  context.status = fault.empty() ? exit_done : exit_does_not_fit;
  if (!flags.trace.empty()) input::write_text(flags.trace, traces::chrome_trace(result.timeline).dump() + "\n");
  if (!flags.out.empty()) input::write_text(flags.out, schedule::to_json(result.schedule).dump(1) + "\n");
  if (context.json()) return print_json(document(flags, result, fault.empty()));
  print_text(fmt::format("{}: {} micro-batches over {} ranks, {} stages\n\n", flags.order.kind,
                         flags.order.micro_batches, flags.order.ranks, result.order.rank_of.size()));
  print_text(report::timeline_text(result.timeline));
  print_text("\n");
  print_text(report::report_text(result.report));
  print_text(fmt::format("{:<20}{:.6g} of activations on the fullest rank\n", "memory",
                         *std::ranges::max_element(result.times.peak_activations)));
  print_text(fault);
}

}  // namespace

void add_schedule(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("schedule", "a training schedule for given costs, and where its bubbles are");
  command->add_option("--kind", flags->order.kind, fmt::format("{}", fmt::join(schedule::order_names(), ", ")))
      ->required();
  command->add_option("--stages", flags->order.ranks, "ranks of the pipeline")->required();
  command->add_option("--micro-batches", flags->order.micro_batches, "of one step")->required();
  command->add_option("--chunks", flags->chunks, "stages a rank (1; 2 of V-shaped and mirrored kinds)");
  command->add_option("--group-size", flags->order.group, "micro-batches of a group of the interleaved kinds");
  command->add_option("--forward", flags->forward, "seconds of a stage's forward: one number, or one per stage")
      ->capture_default_str();
  command->add_option("--backward", flags->backward, "of its input gradient")->capture_default_str();
  command->add_option("--weight", flags->weight, "of its weight gradient")->capture_default_str();
  command->add_option("--overlap-cost", flags->overlap,
                      "of an overlapped forward and backward of the first stage; others in proportion (their sum)");
  command->add_option("--comm", flags->comm, "of a transfer to the next stage or back")->capture_default_str();
  command->add_option("--memory-limit", flags->memory_limit, "most activations that a rank may hold");
  command->add_option("--activation-bytes", flags->activation, "of a micro-batch in a stage, in any unit")
      ->capture_default_str();
  command->add_option("--release-at-input", flags->release_at_input, "share that the input gradient frees")
      ->capture_default_str();
  command->add_option("--receive-buffers", flags->buffers, "per edge and direction, or unbounded")
      ->capture_default_str();
  command->add_option("--trace", flags->trace, "write a Chrome/Perfetto trace");
  command->add_option("--out", flags->out, "write the schedule");
  command->callback([flags, &context] { print(context, *flags); });
}

}  // namespace ppplan::tools
