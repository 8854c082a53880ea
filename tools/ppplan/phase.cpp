#include "tools/ppplan/phase.h"

#include "planner/input/input_error.h"

namespace ppplan::tools {

cost::Phase parse_phase(const std::string& text) {
  if (text == "prefill") return cost::Phase::prefill;
  if (text == "decode") return cost::Phase::decode;
  throw input::InputError("--phase", "", "prefill or decode", "'" + text + "'");
}

std::string name(cost::Phase phase) { return phase == cost::Phase::prefill ? "prefill" : "decode"; }

int count_of(const spec::Plan& plan, cost::Phase phase, const std::optional<int>& asked) {
  constexpr int most = 100000;
  if (asked && (*asked < 1 || *asked > most))
    throw input::InputError("--micro-batches", "", "a whole number from 1 to 100000", std::to_string(*asked));
  return asked.value_or(cost::default_count(plan, phase));
}

}  // namespace ppplan::tools
