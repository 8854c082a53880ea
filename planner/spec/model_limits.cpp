#include "planner/spec/model_limits.h"

namespace ppplan::spec {

void check_size(const ModelSpec& model, const input::Node& where) {
  double total = 2 * static_cast<double>(embedding_parameters(model));
  for (const Layer& layer : model.layers) total += static_cast<double>(parameters(model, layer));
  if (total > most_parameters) where.fail("a model of at most 1e17 parameters", std::to_string(total) + " of them");
}

}  // namespace ppplan::spec
