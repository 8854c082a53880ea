// ppplan doctor: what a server's log says about its memory, why it ended, and what to start instead.
#include <fmt/format.h>

#include <memory>

#include "planner/cost/calibrate.h"
#include "planner/engines/log_diagnosis.h"
#include "planner/input/input_error.h"
#include "planner/search/configured.h"
#include "planner/spec/calibration.h"
#include "planner/spec/plan_json.h"
#include "tools/ppplan/commands.h"
#include "tools/ppplan/doctor_text.h"
#include "tools/ppplan/memory_text.h"
#include "tools/ppplan/plan_text.h"
#include "tools/ppplan/prefill.h"
#include "tools/ppplan/simulated.h"

namespace ppplan::tools {
namespace {

struct Flags {
  InputFlags input;
  std::string log, out;
};

/// What the log's figures say beside our estimate of the same configuration.
struct Opinion {
  spec::Plan estimated;
  std::optional<spec::Plan> proposed;  // same tp, pp and dp, by the calibrated account
};

/// The cards: as typed, otherwise those of the catalog whose memory the log names.
void tell_devices(const CLI::App& command, const engines::VllmLog& log, const engines::InputFromLog& told,
                  ToldFlags& flags) {
  if (command.get_option("--gpus")->count() > 0 || command.get_option("--cluster")->count() > 0) return;
  if (told.gpu_candidates.empty()) return;
  const int count = log.parallel.tp * log.parallel.pp * log.parallel.dp;
  flags["--gpus"] = fmt::format("{}x{}", count, told.gpu_candidates.front());
}

std::optional<search::Request> request_of(const CLI::App& command, const engines::VllmLog& log, Flags& flags,
                                          std::string& why_not) {
  const engines::InputFromLog told = engines::input_from_log(log);
  ToldFlags all = told.flags;
  tell_devices(command, log, told, all);
  if (!command.get_option("--gpus")->count() && !command.get_option("--cluster")->count() && !all.contains("--gpus")) {
    why_not = "the log does not name the cards: --gpus 8xl4 (or --gpus-from, --cluster) tells them";
    return std::nullopt;
  }
  try {
    prefill(command, all, flags.input);
    if (flags.input.model.empty()) throw input::InputError("--model", "", "a model", "none in the log");
    return request_from(command, flags.input);
  } catch (const input::InputError& error) {
    why_not = error.what();
    return std::nullopt;
  }
}

/// Where no partition starts with requests as long as asked: the longest that the asked one starts with.
std::optional<spec::Plan> shorter(search::Request request, cost::CostBook& book) {
  const std::int64_t longest = search::configured_plan(request, book, {}).longest_context;
  if (longest <= 0) return std::nullopt;
  request.max_model_len = static_cast<int>(longest);
  return search::mended_plan(request, book, simulated_predictions);
}

std::optional<Opinion> opinion_on(const search::Request& asked, cost::CostBook& book, spec::Calibration& calibration,
                                  std::string& why_not) {
  try {
    Opinion out{search::configured_plan(asked, book, {}), std::nullopt};
    calibration.corrections = cost::calibrate(out.estimated, calibration.observations, "doctor: " + calibration.source);
    search::Request calibrated = asked;
    calibrated.corrections = calibration.corrections;
    out.proposed = search::mended_plan(calibrated, book, simulated_predictions);
    if (!out.proposed) out.proposed = shorter(calibrated, book);
    return out;
  } catch (const input::InputError& error) {
    why_not = error.what();
    return std::nullopt;
  }
}

input::Json document(const engines::VllmLog& log, const engines::Diagnosis& diagnosis,
                     const spec::Calibration& calibration, const std::optional<Opinion>& opinion,
                     const std::string& why_not) {
  input::Json out{{"format", "ppplan/doctor/1"}};
  out["inputs"] = {{"log", log.source}, {"assumed", input::Json::array()}};
  out["place"] = diagnosis.place;
  if (diagnosis.stage) out["stage"] = *diagnosis.stage;
  out["cause"] = diagnosis.cause;
  out["advice"] = diagnosis.advice;
  out["unsure"] = diagnosis.unsure;
  out["stages_seen"] = engines::stages_seen(log);
  out["stages_not_seen"] = engines::stages_not_seen(log);
  out["calibration"] = spec::to_json(calibration);
  if (opinion) out["estimated"] = spec::to_json(opinion->estimated);
  if (opinion && opinion->proposed) out["proposed"] = spec::to_json(*opinion->proposed);
  if (!opinion) out["no_estimate"] = why_not;
  return out;
}

std::string shorter_text(const Opinion& opinion) {
  if (opinion.proposed->max_model_len >= opinion.estimated.max_model_len) return "";
  return fmt::format("; requests of {} tokens start in no partition, {} do", opinion.estimated.max_model_len,
                     opinion.proposed->max_model_len);
}

void print(const Context& context, const CLI::App& command, Flags& flags) {
  const engines::VllmLog log = engines::read_vllm_log(input::read_text(flags.log), flags.log);
  const engines::Diagnosis diagnosis = engines::diagnose(log);
  spec::Calibration calibration = engines::calibration_of(log);
  std::string why_not;
  cost::CostBook book = book_from(flags.input.profiles);
  const auto request = request_of(command, log, flags, why_not);
  const auto opinion = request ? opinion_on(*request, book, calibration, why_not) : std::nullopt;
  if (!flags.out.empty()) input::write_text(flags.out, spec::to_json(calibration).dump(1) + "\n");
  if (context.json()) return print_json(document(log, diagnosis, calibration, opinion, why_not));
  print_text(diagnosis_text(log, diagnosis));
  if (!opinion) return print_text("no estimate beside it: " + why_not + "\n");
  print_text("\n" + measured_text(opinion->estimated, calibration));
  if (!opinion->proposed) return print_text("\nno partition of these stages starts by this account\n");
  print_text("\nproposed, by the account with what the log measured" + shorter_text(*opinion) + "\n" +
             memory_table(*opinion->proposed) + capacity_text(*opinion->proposed) + "\n" +
             launch_text(*opinion->proposed));
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("doctor", "why a vLLM server's log ends as it does, and what to change");
  command->add_option("log,--log", flags->log, "the server's log")->required();
  command->add_option("--out", flags->out, "write what was measured as a calibration for --calibration");
  add_input_flags(*command, flags->input, false);
  command->callback([flags, command, &context] { print(context, *command, *flags); });
}

}  // namespace ppplan::tools
