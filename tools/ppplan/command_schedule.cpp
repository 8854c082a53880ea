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
#include "planner/schedule/searched_order.h"
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
  std::string forward = "1", backward = "1", weight = "1", comm = "0", activation = "1", buffers = "unbounded",
              memory_limit, objective = "barrier";
  std::optional<double> overlap;
  double release_at_input = 0.5;
  std::string trace, out;
};

struct Result {
  TrainingOrder order;
  TrainingCosts costs;
  schedule::TrainingTimes times;
  schedule::SearchedOrder searched;  // of a searched kind: who won, and over what
  std::vector<double> memory_limit;  // [rank]; empty = none
  schedule::Schedule schedule;
  traces::Timeline timeline;
  report::BubbleReport report;
};

/// One number for every stage (or rank), or one of each, separated by commas.
std::vector<double> numbers(const std::string& text, const std::string& flag, std::size_t stages,
                            const char* what = "stages") {
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
    throw input::InputError(flag, "", fmt::format("one number, or one of each of the {} {}", stages, what),
                            fmt::format("{} numbers", out.size()));
  return out;
}

TrainingCosts costs_of(const Flags& flags, std::size_t stages) {
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

schedule::Objective objective_of(const std::string& text) {
  if (text != "barrier" && text != "span")
    throw input::InputError("--objective", "", "barrier or span", "'" + text + "'");
  return text == "span" ? schedule::Objective::span : schedule::Objective::barrier;
}

bool is_searched(const std::string& kind) { return std::ranges::count(schedule::searched_names(), kind) > 0; }

void check_sizes(const schedule::OrderRequest& request) {
  if (request.ranks < 1) throw input::InputError("--stages", "", "at least 1", std::to_string(request.ranks));
  if (request.micro_batches < 1)
    throw input::InputError("--micro-batches", "", "at least 1", std::to_string(request.micro_batches));
}

/// The order that the flags ask for, with its costs and limits.
Result ordered(const Flags& flags) {
  Result out;
  check_sizes(flags.order);
  const auto ranks = static_cast<std::size_t>(flags.order.ranks);
  if (!flags.memory_limit.empty()) out.memory_limit = numbers(flags.memory_limit, "--memory-limit", ranks, "ranks");
  const schedule::Objective objective = objective_of(flags.objective);
  schedule::OrderRequest request = flags.order;
  if (is_searched(request.kind)) {
    const int chunks = schedule::chunks_of_searched(request.kind);
    if (flags.chunks.value_or(chunks) != chunks)
      throw input::InputError("--chunks", "", fmt::format("{} of {}", chunks, request.kind),
                              std::to_string(*flags.chunks));
    out.costs = costs_of(flags, ranks * static_cast<std::size_t>(chunks));
    out.searched = schedule::searched_order(
        {request.kind, request.ranks, request.micro_batches, out.costs, out.memory_limit, objective});
    out.order = out.searched.order;
    return out;
  }
  const bool v_shaped = request.kind == "zbv-torch" || request.kind.starts_with("dualpipe");
  request.chunks = flags.chunks.value_or(v_shaped ? 2 : 1);
  out.order = named_order(request);
  out.costs = costs_of(flags, out.order.rank_of.size());
  check_memory_limit(out.order, out.costs, out.memory_limit);
  return out;
}

Result result_of(const Flags& flags) {
  Result out = ordered(flags);
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

/// The rank that holds most beyond its limit; nothing when all fit.
std::string memory_fault(const Result& result) {
  const auto& peaks = result.times.peak_activations;
  std::size_t worst = 0;
  double most = 0;
  for (std::size_t r = 0; r < result.memory_limit.size(); ++r) {
    const double beyond = peaks[r] - result.memory_limit[r] * (1 + 1e-9);
    if (beyond > most) worst = r;
    most = std::max(most, beyond);
  }
  if (most <= 0) return "";
  const double limit = result.memory_limit[worst];
  return fmt::format("does not fit: rank {} holds activations of {:.6g},\n  {:.6g} more than the limit of {:.6g}\n",
                     worst, peaks[worst], peaks[worst] - limit, limit);
}

/// Which order won, over which others.
input::Json search_json(const schedule::SearchedOrder& searched) {
  input::Json tried = input::Json::array();
  for (const schedule::Candidate& c : searched.tried)
    tried.push_back({{"name", c.name}, {"makespan_s", c.makespan_s}, {"span_s", c.span_s}, {"fits", c.fits}});
  return {{"winner", searched.winner}, {"tried", tried}};
}

input::Json document(const Flags& flags, const Result& result, bool fits) {
  input::Json out = report::to_json(result.report);
  out["kind"] = flags.order.kind;
  out["span_s"] = result.times.span_s;
  out["barrier_bubble_fraction"] = result.report.bubble_fraction;
  out["peak_activations"] = result.times.peak_activations;
  out["peak_micro_batches"] = result.times.peak_micro_batches;
  out["fits"] = fits;
  if (!result.searched.tried.empty()) out["search"] = search_json(result.searched);
  out["inputs"] = {{"kind", flags.order.kind},
                   {"stages", flags.order.ranks},
                   {"micro_batches", flags.order.micro_batches},
                   {"forward", flags.forward},
                   {"backward", flags.backward},
                   {"weight", flags.weight},
                   {"comm", flags.comm},
                   {"activation_bytes", flags.activation},
                   {"release_at_input", flags.release_at_input},
                   {"objective", flags.objective},
                   {"memory_limit", result.memory_limit},
                   {"receive_buffers", flags.buffers},
                   {"assumed", input::Json::array()}};
  return out;
}

void print(Context& context, const Flags& flags) {
  const Result result = result_of(flags);
  const std::string fault = memory_fault(result);
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
  if (!result.searched.tried.empty())
    print_text(
        fmt::format("{:<20}{}, best of {} orders\n", "order", result.searched.winner, result.searched.tried.size()));
  print_text(fault);
}

}  // namespace

void add_schedule(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("schedule", "a training schedule for given costs, and where its bubbles are");
  command
      ->add_option(
          "--kind", flags->order.kind,
          fmt::format("{}, {}", fmt::join(schedule::order_names(), ", "), fmt::join(schedule::searched_names(), ", ")))
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
  command->add_option("--memory-limit", flags->memory_limit,
                      "most activations that a rank may hold: one number, or one per rank");
  command->add_option("--objective", flags->objective, "what a searched order makes short: barrier (makespan) or span")
      ->capture_default_str();
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
