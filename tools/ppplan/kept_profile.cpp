#include "tools/ppplan/kept_profile.h"

#include <fmt/format.h>

#include <filesystem>

#include "planner/input/input_error.h"
#include "planner/input/replace_text.h"
#include "planner/spec/plan_json.h"
#include "tools/ppplan/gpu_names.h"
#include "tools/ppplan/stage_slices.h"
#include "traces/profile_json.h"

namespace ppplan::tools {
namespace {

namespace fs = std::filesystem;

/// Nothing where the file is missing or empty.
std::optional<input::Document> document_in(const std::string& path) {
  std::error_code missing;
  if (!fs::exists(path, missing) || (fs::is_regular_file(path, missing) && fs::file_size(path, missing) == 0))
    return {};
  return input::read_document(path);
}

/// As profiles call what is measured.
std::string device_of(const exec::Facts& facts) {
  const std::string device = catalog_name(facts.at("gpu"));
  const auto slice = facts.find("slice_processors");
  return slice == facts.end() ? device : slice_name(device, std::stoi(slice->second));
}

std::string differences(const input::Document& before, const exec::Facts& now, const spec::ModelSpec& model) {
  const std::string facts = exec::differences(progress_from_json(before.root()).machine, now);
  // Whatever order the keys are in.
  const nlohmann::json then = before.root().at("model").json(), today = spec::to_json(model);
  if (!facts.empty() || then == today) return facts;
  return "model (of the same name, but not the same)";
}

}  // namespace

KeptProfile::KeptProfile(const Context& context, const std::string& out, const spec::ModelSpec& model)
    : context_(context), out_(out), model_(model) {
  std::error_code missing;
  if (out.empty() || (fs::exists(out, missing) && !fs::is_regular_file(out, missing))) return;
  partial_ = out + ".partial";
  try {
    if (const auto document = document_in(out)) finished_ = traces::profile_from_json(document->root());
    before_ = document_in(partial_);
    if (before_) progress_from_json(before_->root());
  } catch (const input::InputError& error) {
    throw input::InputError(fmt::format(
        "--out {}: expected no file there, or a profile to replace, and beside it none or one that was begun; "
        "nothing is overwritten: {}",
        out, error.what()));
  }
}

void KeptProfile::check_finished(const exec::Facts& now) const {
  if (!finished_) return;
  const auto of = [](const std::string& engine, const std::string& device, const exec::Facts& machine) {
    const auto model = machine.find("model");
    return fmt::format("{} on {} with {}", model == machine.end() ? "no model" : model->second, device, engine);
  };
  const std::string found = of(finished_->engine, finished_->device, finished_->machine);
  const std::string expected = of(now.at("engine"), device_of(now), now);
  if (found != expected)
    throw input::InputError("--out " + out_, "", "no file there, or a profile of " + expected, "one of " + found);
  note(context_, out_ + " is a finished profile; it is replaced when all is measured anew");
}

exec::ProfileProgress KeptProfile::taken_up(const exec::Facts& now) {
  check_finished(now);
  if (!before_) return {};
  if (const std::string other = differences(*before_, now, model_); !other.empty()) {
    note(context_, fmt::format("{} was measured with another {}: measuring anew", partial_, other));
    return {};
  }
  exec::ProfileProgress progress = progress_from_json(before_->root());
  if (const auto date = progress.machine.find("date"); date != progress.machine.end())
    progress.dates.push_back(date->second);
  note(context_, fmt::format("going on from {}: {} points and {} messages were measured", partial_,
                             exec::measured_points(progress), progress.links.size()));
  return progress;
}

exec::ProfileKeeper KeptProfile::keeper() {
  if (partial_.empty()) return {};
  return {[this](const exec::Facts& now) { return taken_up(now); },
          [this](const exec::ProfileProgress& progress) {
            input::replace_text(partial_, traces::to_text(to_json(progress, model_)));
          }};
}

void KeptProfile::finish(const std::string& text) const {
  if (out_.empty()) return;
  input::replace_text(out_, text);
  std::error_code missing;
  if (!partial_.empty()) fs::remove(partial_, missing);
}

}  // namespace ppplan::tools
