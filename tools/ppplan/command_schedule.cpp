// ppplan schedule: a training schedule for given costs, with its bubbles, its memory and what bounds it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cmath>
#include <memory>

#include "planner/input/input_error.h"
#include "planner/report/report_json.h"
#include "planner/report/report_text.h"
#include "planner/report/timeline_text.h"
#include "planner/schedule/auto_order.h"
#include "planner/schedule/longest_path.h"
#include "planner/schedule/named_order.h"
#include "planner/schedule/schedule_json.h"
#include "planner/schedule/searched_order.h"
#include "planner/schedule/training_bound.h"
#include "planner/schedule/training_schedule.h"
#include "planner/schedule/training_times.h"
#include "tools/ppplan/commands.h"
#include "tools/ppplan/stage_numbers.h"
#include "tools/ppplan/wrapped_text.h"
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
  double time_limit_s = 10;
  std::uint64_t seed = 1;
  double release_at_input = 0.5;
  std::string trace, out;
};

struct Result {
  TrainingOrder order;
  TrainingCosts costs;
  schedule::TrainingTimes times;
  std::string winner;  // of a searched kind: the best of `tried`
  std::vector<schedule::Candidate> tried;
  std::vector<std::string> not_tried;
  double bound_s = 0, gap = 0;       // of the objective: what no order of these stages on these ranks undercuts
  std::vector<double> memory_limit;  // [rank]; empty = none
  schedule::Schedule schedule;
  traces::Timeline timeline;
  report::BubbleReport report;
};

/// What an overlapped pair takes, of its forward and backward one after the other.
double overlap_factor(double overlap_s, const schedule::StageTraining& stage) {
  const double apart_s = stage.forward_s + stage.backward_input_s + stage.backward_weight_s;
  const std::string found = fmt::format("{}", overlap_s);
  if (!std::isfinite(overlap_s) || overlap_s <= 0)
    throw input::InputError("--overlap-cost", "", "a finite number above 0", found);
  if (apart_s <= 0)
    throw input::InputError("--overlap-cost", "", "a first stage whose forward and backward take time", found);
  return overlap_s / apart_s;
}

TrainingCosts costs_of(const Flags& flags, std::size_t stages) {
  const auto forward = stage_costs(flags.forward, "--forward", stages),
             input = stage_costs(flags.backward, "--backward", stages),
             weight = stage_costs(flags.weight, "--weight", stages), comm = stage_costs(flags.comm, "--comm", stages),
             activation = stage_costs(flags.activation, "--activation-bytes", stages);
  TrainingCosts costs;
  for (std::size_t s = 0; s < stages; ++s)
    costs.stages.push_back({forward[s], input[s], weight[s], comm[s], activation[s]});
  if (!(flags.release_at_input >= 0 && flags.release_at_input <= 1))
    throw input::InputError("--release-at-input", "", "a fraction from 0 to 1",
                            fmt::format("{}", flags.release_at_input));
  costs.released_by_input_gradient = flags.release_at_input;
  if (flags.overlap) costs.overlap_factor = overlap_factor(*flags.overlap, costs.stages.front());
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

void check_sizes(const schedule::OrderRequest& request, int chunks) {
  constexpr double most = 1e7;  // forwards of a step: some gigabytes as a schedule
  if (request.ranks < 1) throw input::InputError("--stages", "", "at least 1", std::to_string(request.ranks));
  if (request.micro_batches < 1)
    throw input::InputError("--micro-batches", "", "at least 1", std::to_string(request.micro_batches));
  if (1.0 * request.ranks * request.micro_batches * std::max(chunks, 1) > most)
    throw input::InputError("--micro-batches", "", fmt::format("at most {:.0f} over all stages", most),
                            fmt::format("{} of {} ranks", request.micro_batches, request.ranks));
}

void order_searched(const Flags& flags, schedule::Objective objective, Result& out) {
  const std::string& kind = flags.order.kind;
  const int chunks = schedule::chunks_of_searched(kind);
  if (flags.chunks.value_or(chunks) != chunks)
    throw input::InputError("--chunks", "", fmt::format("{} of {}", chunks, kind), std::to_string(*flags.chunks));
  const int p = flags.order.ranks, m = flags.order.micro_batches;
  out.costs = costs_of(flags, static_cast<std::size_t>(p * chunks));
  schedule::SearchedOrder found = schedule::searched_order({kind, p, m, out.costs, out.memory_limit, objective});
  out.order = std::move(found.order);
  out.winner = std::move(found.winner);
  out.tried = std::move(found.tried);
}

void order_automatically(const Flags& flags, schedule::Objective objective, Result& out) {
  schedule::AutoRequest request;
  request.ranks = flags.order.ranks;
  request.micro_batches = flags.order.micro_batches;
  request.chunks = flags.chunks.value_or(1);
  if (request.chunks < 1) throw input::InputError("--chunks", "", "at least 1", std::to_string(request.chunks));
  if (!(flags.time_limit_s >= 0))
    throw input::InputError("--time-limit", "", "seconds of at least 0", fmt::format("{}", flags.time_limit_s));
  request.costs = costs_of(flags, static_cast<std::size_t>(request.ranks) * static_cast<std::size_t>(request.chunks));
  request.memory_limit = out.memory_limit;
  request.objective = objective;
  request.time_limit_s = flags.time_limit_s;
  request.seed = flags.seed;
  schedule::AutoOrder found = auto_order(request);
  out.order = std::move(found.order);
  out.costs = std::move(found.costs);
  out.winner = std::move(found.winner);
  out.tried = std::move(found.tried);
  out.not_tried = std::move(found.not_tried);
  out.bound_s = found.bound_s;
}

void order_by_rule(const Flags& flags, Result& out) {
  schedule::OrderRequest request = flags.order;
  const bool v_shaped = request.kind == "zbv-torch" || request.kind.starts_with("dualpipe");
  request.chunks = flags.chunks.value_or(v_shaped ? 2 : 1);
  out.order = named_order(request);
  out.costs = costs_of(flags, out.order.rank_of.size());
  check_memory_limit(out.order, out.costs, out.memory_limit);
}

/// The order that the flags ask for, with its costs, limits and bound.
Result ordered(const Flags& flags) {
  Result out;
  check_sizes(flags.order, flags.chunks.value_or(1));
  const auto ranks = static_cast<std::size_t>(flags.order.ranks);
  if (!flags.memory_limit.empty())
    out.memory_limit = stage_numbers(flags.memory_limit, "--memory-limit", ranks, "ranks");
  const schedule::Objective objective = objective_of(flags.objective);
  const bool chosen = flags.order.kind == "auto";
  if (chosen)
    order_automatically(flags, objective, out);
  else if (std::ranges::count(schedule::searched_names(), flags.order.kind) > 0)
    order_searched(flags, objective, out);
  else
    order_by_rule(flags, out);
  out.times = training_times(out.order, out.costs);
  const bool span = objective == schedule::Objective::span;
  if (!chosen) {
    // A rule may hold more than the limit; its bound is then that of any order that does the same.
    const bool fits = within(out.times, out.memory_limit);
    const schedule::TrainingBound bound =
        training_bound(out.order, out.costs, fits ? out.memory_limit : std::vector<double>());
    out.bound_s = span ? bound.span_s : bound.makespan_s;
  }
  const double length_s = span ? out.times.span_s : out.times.makespan_s;
  out.gap = out.bound_s > 0 ? length_s / out.bound_s - 1 : 0;
  return out;
}

Result result_of(const Flags& flags) {
  Result out = ordered(flags);
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
input::Json search_json(const Flags& flags, const Result& result) {
  input::Json tried = input::Json::array();
  for (const schedule::Candidate& c : result.tried)
    tried.push_back({{"name", c.name}, {"makespan_s", c.makespan_s}, {"span_s", c.span_s}, {"fits", c.fits}});
  return {{"winner", result.winner},
          {"tried", tried},
          {"not_tried", result.not_tried},
          {"seed", flags.seed},
          {"time_limit_s", flags.time_limit_s}};
}

input::Json document(const Flags& flags, const Result& result, bool fits) {
  input::Json out = report::to_json(result.report);
  out["kind"] = flags.order.kind;
  out["span_s"] = result.times.span_s;
  out["barrier_bubble_fraction"] = result.report.bubble_fraction;
  out["peak_activations"] = result.times.peak_activations;
  out["peak_micro_batches"] = result.times.peak_micro_batches;
  out["fits"] = fits;
  out["bound_s"] = result.bound_s;
  out["gap"] = result.gap;
  if (!result.tried.empty()) out["search"] = search_json(flags, result);
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
  print_text(hanging_text(fmt::format("{:<20}", "bound"),
                          fmt::format("{:.6g} s of {}, whatever the order{}; {:.1f} % above it", result.bound_s,
                                      flags.objective == "span" ? "span" : "makespan",
                                      flags.order.kind == "auto" ? " on any layout tried" : "", 100 * result.gap)));
  if (!result.tried.empty())
    print_text(hanging_text(fmt::format("{:<20}", "order"),
                            fmt::format("{}; best of {}", result.winner, result.tried.size())));
  for (const std::string& left_out : result.not_tried)
    print_text(hanging_text(fmt::format("{:<20}", "not tried"), left_out));
  print_text(fault);
}

}  // namespace

void add_schedule(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("schedule", "a training schedule for given costs, and where its bubbles are");
  command
      ->add_option("--kind", flags->order.kind,
                   fmt::format("{}, {}, auto", fmt::join(schedule::order_names(), ", "),
                               fmt::join(schedule::searched_names(), ", ")))
      ->required();
  command->add_option("--stages", flags->order.ranks, "ranks of the pipeline")->required();
  command->add_option("--micro-batches", flags->order.micro_batches, "of one step")->required();
  command->add_option("--chunks", flags->chunks,
                      "stages a rank (1; 2 of V-shaped and mirrored kinds); the most of auto");
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
  command->add_option("--time-limit", flags->time_limit_s, "seconds that auto may search")->capture_default_str();
  command->add_option("--seed", flags->seed, "of auto's search")->capture_default_str();
  command->add_option("--receive-buffers", flags->buffers, "per edge and direction, or unbounded")
      ->capture_default_str();
  command->add_option("--trace", flags->trace, "write a Chrome/Perfetto trace");
  command->add_option("--out", flags->out, "write the schedule");
  command->callback([flags, &context] { print(context, *flags); });
}

}  // namespace ppplan::tools
