// What a profile of a GPU has measured, in a file beside the one that it is written to: OUT.partial, a document
// `ppplan/profile-partial/1`, which is there from the start of a run until OUT is written.
#pragma once

#include <optional>
#include <string>

#include "exec/profile_progress.h"
#include "planner/input/document.h"
#include "planner/spec/model_spec.h"
#include "tools/ppplan/context.h"
#include "traces/profile.h"

namespace ppplan::tools {

/// {format, machine, model, dates, groups: [{kind, shape, finished, spent_s, points: [{sequences, new_tokens,
/// past_tokens, samples, graph_s, eager_s}], gemms}], links}.
input::Json to_json(const exec::ProfileProgress& progress, const spec::ModelSpec& model);
/// Throws InputError.
exec::ProfileProgress progress_from_json(const input::Node& document);

class KeptProfile {
 public:
  /// Nothing is kept for no `out`, and for one that is no file. Throws InputError where `out` is something else than a
  /// profile, or OUT.partial than a partial one; both may be missing or empty. `context` outlives it.
  KeptProfile(const Context& context, const std::string& out, const spec::ModelSpec& model);

  /// For the options of a measurement, while this lives. It takes up OUT.partial when machine, versions and model are
  /// those of now, and says so; otherwise it says what differs and starts anew. It throws InputError where OUT is the
  /// finished profile of something else.
  exec::ProfileKeeper keeper();
  /// Writes the finished profile, nothing half of it, and removes OUT.partial.
  void finish(const std::string& text) const;
  /// "" where nothing is kept.
  const std::string& file() const { return partial_; }

 private:
  exec::ProfileProgress taken_up(const exec::Facts& now);
  void check_finished(const exec::Facts& now) const;

  const Context& context_;
  std::string out_, partial_;
  spec::ModelSpec model_;
  std::optional<traces::Profile> finished_;  // in OUT
  std::optional<input::Document> before_;    // in OUT.partial
};

}  // namespace ppplan::tools
