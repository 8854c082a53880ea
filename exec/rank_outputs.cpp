#include "exec/rank_outputs.h"

namespace ppplan::exec {

std::vector<Logits> outputs_at_first(Group& everyone, const PipelineRun& run, std::vector<Logits> own, int last) {
  own.resize(run.micro_batches.size());
  for (std::size_t k = 0; k < run.micro_batches.size() && last > 0; ++k) {
    const spec::BatchShape& shape = run.micro_batches[k].shape;
    if (!shape.samples) continue;
    Logits& logits = own[k];
    if (everyone.rank() == last) send(everyone, std::as_bytes(std::span(logits)), 0);
    if (everyone.rank() != 0) continue;
    logits.resize(static_cast<std::size_t>(shape.sequences) * static_cast<std::size_t>(run.model.vocabulary));
    recv(everyone, std::as_writable_bytes(std::span(logits)), last);
  }
  return own;
}

}  // namespace ppplan::exec
