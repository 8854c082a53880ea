#include "tools/ppplan/search_training.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "planner/engines/launch_training.h"
#include "planner/input/input_error.h"
#include "planner/report/time_text.h"
#include "planner/spec/training_plan_json.h"
#include "tools/ppplan/interrupt.h"
#include "tools/ppplan/plan_text.h"
#include "tools/ppplan/training_text.h"

namespace ppplan::tools {
namespace {

constexpr int default_global_batch = 256, default_sequence_tokens = 4096;

/// What request_from assumes for a server and a training does not ask.
constexpr std::array serving_only = {"isl", "osl", "concurrency", "gpu_memory_utilization", "vllm"};

/// Nothing for auto.
std::optional<bool> recomputes(const std::string& text) {
  if (text == "auto") return std::nullopt;
  if (text == "on" || text == "off") return text == "on";
  throw input::InputError("--recompute", "", "on, off or auto", "'" + text + "'");
}

bool sharded(const std::string& text) {
  if (text == "sharded" || text == "whole") return text == "sharded";
  throw input::InputError("--optimizer", "", "sharded or whole", "'" + text + "'");
}

search::TrainingRequest request_of(const CLI::App& command, const InputFlags& input, const TrainingFlags& flags,
                                   int top) {
  const search::Request base = request_from(command, input);
  search::TrainingRequest out;
  spec::TrainingPlan& question = out.question;
  question.model = base.model;
  question.cluster = base.cluster;
  question.inputs = base.inputs;
  std::ranges::copy_if(base.assumed, std::back_inserter(question.assumed),
                       [](const std::string& name) { return std::ranges::count(serving_only, name) == 0; });
  const int context = question.model.max_position;
  question.task.global_batch = flags.global_batch.value_or(default_global_batch);
  question.task.sequence_tokens = flags.sequence_length.value_or(
      context > 0 ? std::min(context, default_sequence_tokens) : default_sequence_tokens);
  if (!flags.global_batch) question.assumed.emplace_back("global_batch");
  if (!flags.sequence_length) question.assumed.emplace_back("sequence_length");
  question.settings.sharded_optimizer = sharded(flags.optimizer);
  out.tp = base.tp;
  out.pp = base.pp;
  out.dp = base.dp;
  out.partition = base.partition;
  out.sequences = flags.micro_batch_size;
  out.chunks = flags.chunks;
  if (!flags.schedule.empty()) out.schedule = flags.schedule;
  out.recompute = recomputes(flags.recompute);
  out.top = top;
  return out;
}

input::Json document(const search::TrainingRequest& request, const search::TrainingResult& result, double seconds) {
  input::Json out{{"format", "ppplan/search/1"}, {"task", "train"}};
  out["inputs"] = input::Json::object();
  for (const auto& [flag, value] : request.question.inputs) out["inputs"][flag] = value;
  out["inputs"]["assumed"] = request.question.assumed;
  out["feasible"] = result.feasible;
  out["interrupted"] = result.interrupted;
  out["plans"] = input::Json::array();
  for (const spec::TrainingPlan& plan : result.plans) out["plans"].push_back(spec::to_json(plan));
  out["alternatives"] = to_json(result.alternatives);
  out["counts"] = to_json(result.counts);
  out["seconds"] = seconds;
  return out;
}

}  // namespace

void add_training_flags(CLI::App& command, TrainingFlags& flags) {
  command.add_option("--global-batch", flags.global_batch, "training: sequences of a step (256)");
  command.add_option("--sequence-length", flags.sequence_length, "training: tokens of a sequence (4096)");
  command.add_option("--micro-batch-size", flags.micro_batch_size, "training: pin the sequences of a micro-batch");
  command.add_option("--schedule", flags.schedule, "training: pin the schedule (1f1b, interleaved, zb-h1, ..., auto)");
  command.add_option("--chunks", flags.chunks, "training: pin the stages a rank of interleaved schedules");
  command.add_option("--recompute", flags.recompute, "training: on, off or auto")->capture_default_str();
  command.add_option("--optimizer", flags.optimizer, "training: its state sharded over the replicas, or whole")
      ->capture_default_str();
}

void search_training(Context& context, const CLI::App& command, const InputFlags& input, const TrainingFlags& flags,
                     int top, const std::string& out) {
  const auto start = std::chrono::steady_clock::now();
  const search::TrainingRequest request = request_of(command, input, flags, top);
  cost::CostBook book = book_from(input.profiles);
  search::TrainingResult result;
  {
    const Interruptible guard;
    Progress progress(context, "searching");
    result = search::training_search(
        request, book,
        [&](long done, long total) {
          progress.update(static_cast<double>(done) / static_cast<double>(std::max(1L, total)),
                          fmt::format("{} of {}", done, total));
        },
        interrupted());
  }
  for (spec::TrainingPlan& plan : result.plans) plan.launch = engines::megatron_launch(plan);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  context.status = result.feasible ? exit_done : exit_does_not_fit;
  if (!out.empty() && !result.plans.empty()) input::write_text(out, spec::to_json(result.plans.front()).dump(1) + "\n");
  if (context.json()) return print_json(document(request, result, seconds));
  print_text(training_text(result));
  note(context, fmt::format("searched for {}", report::time_text(seconds)));
}

}  // namespace ppplan::tools
