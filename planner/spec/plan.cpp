#include "planner/spec/plan.h"

namespace ppplan::spec {

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::fits:
      return "FITS";
    case Verdict::tight:
      return "TIGHT";
    case Verdict::oom:
      return "OOM";
  }
  return "";
}

}  // namespace ppplan::spec
