// What vLLM's model files decide: which rank holds embedding, head, tower and draft layers, which cuts and which tensor
// parallelism a model takes. Data with its sources in planner/catalog/data/architectures.json.
#pragma once

#include <string>
#include <vector>

#include "planner/spec/model_spec.h"

namespace ppplan::engines {

/// What the ranks of one stage hold besides their layers.
struct Holdings {
  bool embedding = false;  // a table of its own: on the first stage, or a tied head's copy
  bool head = false;       // computes logits or holds the matrix; with `shared` it is the embedding on the same stage
  bool shared = false;     // head and embedding are one tensor here
  bool norm = false;       // the final norm
  bool tower = false;
  bool draft = false;
  bool draft_ends = false;  // the drafter's own copies of embedding and head
  bool operator==(const Holdings&) const = default;
};
/// Stage in [0, stages). `draft`: speculation with the model's own draft layers is asked for.
Holdings holdings(const spec::ModelSpec& model, int stage, int stages, bool draft = false);

/// True for architectures whose every rank holds embedding and head.
bool ends_on_every_stage(const spec::ModelSpec& model);
/// Why that version of vLLM can't run this model as a pipeline of `stages`, or no longer at all, and what can; "" when
/// it can. Version "" = the newest.
std::string pipeline_fault(const spec::ModelSpec& model, int stages, const std::string& version = "");
/// Why `tp` can't divide this model ("64 attention heads are not divisible by 6"); "" when it can. Fewer KV heads than
/// ranks are replicated. With expert parallelism whole experts are spread, so their width may be anything. Version "" =
/// the newest.
std::string tensor_parallel_fault(const spec::ModelSpec& model, int tp, bool expert_parallel = false,
                                  const std::string& version = "");
/// Why vLLM can't run this model cut so (an empty stage, one without wanted experts, a first stage without layers that
/// the tower feeds, a layer away from the one it shares KV with); "" when it can. `partition` sums to the layers.
std::string partition_fault(const spec::ModelSpec& model, const std::vector<int>& partition);
/// What vLLM only warns of, one sentence each.
std::vector<std::string> partition_warnings(const spec::ModelSpec& model, const std::vector<int>& partition);
/// Stages may begin at these layers: at [l] where no layer from l on reads keys and values of an earlier one. Empty =
/// everywhere.
std::vector<bool> allowed_cuts(const spec::ModelSpec& model);
/// Layers that the first stage of a pipeline needs at least.
int least_first_stage(const spec::ModelSpec& model);

}  // namespace ppplan::engines
