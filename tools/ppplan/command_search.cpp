// ppplan search: from a model and devices to ranked plans, the line to paste, and the alternatives.
#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "planner/engines/emit.h"
#include "planner/input/input_error.h"
#include "planner/report/time_text.h"
#include "planner/spec/plan_json.h"
#include "tools/ppplan/commands.h"
#include "tools/ppplan/inputs.h"
#include "tools/ppplan/interrupt.h"
#include "tools/ppplan/plan_text.h"
#include "tools/ppplan/search_training.h"
#include "tools/ppplan/simulated.h"

namespace ppplan::tools {
namespace {

struct Flags {
  InputFlags input;
  TrainingFlags training;
  int top = 5;
  std::string out, emit, task = "serve";
};

input::Json document(const search::Request& request, const search::Result& result, double seconds) {
  input::Json out{{"format", "ppplan/search/1"}};
  out["inputs"] = input::Json::object();
  for (const auto& [flag, value] : request.inputs) out["inputs"][flag] = value;
  out["inputs"]["assumed"] = request.assumed;
  out["feasible"] = result.feasible;
  out["interrupted"] = result.interrupted;
  out["plans"] = input::Json::array();
  for (const spec::Plan& plan : result.plans) out["plans"].push_back(spec::to_json(plan));
  out["alternatives"] = to_json(result.alternatives);
  out["pareto"] = input::Json::array();
  for (const spec::Plan& p : result.pareto)
    out["pareto"].push_back({{"tp", p.parallel.tp},
                             {"pp", p.parallel.pp},
                             {"dp", p.parallel.dp},
                             {"partition", p.partition},
                             {"max_num_batched_tokens", p.micro_batching.max_num_batched_tokens},
                             {"max_num_seqs", p.micro_batching.max_num_seqs},
                             {"kv_tokens", p.predicted.kv_tokens},
                             {"output_tokens_per_s", p.predicted.output_tokens_per_s},
                             {"ttft_s", p.predicted.ttft_s}});
  out["counts"] = to_json(result.counts);
  out["seconds"] = seconds;
  return out;
}

void check(const Flags& flags) {
  if (flags.top < 1) throw input::InputError("--top", "", "a whole number of at least 1", std::to_string(flags.top));
  if (flags.task != "serve" && flags.task != "train")
    throw input::InputError("--task", "", "serve or train", "'" + flags.task + "'");
  if (flags.task == "train" && !flags.emit.empty())
    throw input::InputError(
        "--emit: expected --task serve beside it, found train, whose text ends with Megatron-LM's flags");
  if (!flags.emit.empty() && !engines::emit_kind(flags.emit))
    throw input::InputError("--emit", "", "one of shell, docker, k8s, sglang", "'" + flags.emit + "'");
}

void print(Context& context, const CLI::App& command, const Flags& flags) {
  check(flags);
  if (flags.task == "train")
    return search_training(context, command, flags.input, flags.training, flags.top, flags.out);
  const auto start = std::chrono::steady_clock::now();
  search::Request request = request_from(command, flags.input);
  request.top = flags.top;
  cost::CostBook book = book_from(flags.input.profiles);
  search::Result result;
  {
    const Interruptible guard;
    Progress progress(context, "searching");
    result = search::search(
        request, book, simulated_predictions,
        [&](long done, long total) {
          progress.update(total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0,
                          fmt::format("{} of {}", done, total));
        },
        interrupted());
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  context.status = result.feasible ? exit_done : exit_does_not_fit;
  if (!flags.out.empty() && !result.plans.empty())
    input::write_text(flags.out, spec::to_json(result.plans.front()).dump(1) + "\n");
  if (!flags.emit.empty()) {
    if (!result.feasible) return note(context, "nothing fits, so there is no line to paste");
    return print_text(engines::emit(result.plans.front(), *engines::emit_kind(flags.emit)));
  }
  if (context.json()) return print_json(document(request, result, seconds));
  print_text(search_text(result));
  note(context, fmt::format("searched for {}", report::time_text(seconds)));
}

}  // namespace

void add_search(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("search", "find plans: partition, parallelism and micro-batching");
  add_input_flags(*command, flags->input);
  command->add_option("--top", flags->top, "plans to show")->capture_default_str();
  command->add_option("--out", flags->out, "write the best plan");
  command->add_option("--emit", flags->emit, "print only this text: shell, docker, k8s or sglang");
  command->add_option("--task", flags->task, "serve or train")->capture_default_str();
  add_training_flags(*command, flags->training);
  command->callback([flags, command, &context] { print(context, *command, *flags); });
}

}  // namespace ppplan::tools
