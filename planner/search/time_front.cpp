#include "planner/search/time_front.h"

namespace ppplan::search {

std::vector<std::vector<int>> time_front(PartitionProblem problem, const Optimum& optimum) {
  std::vector<std::vector<int>> front;
  while (std::optional<Partition> found = optimum(problem)) {
    const double second_s = limited_bottleneck_s(problem, found->layers);
    front.push_back(std::move(found->layers));
    if (!(second_s > 0)) break;
    problem.limit_s = second_s * (1 - front_step);
  }
  return front;
}

}  // namespace ppplan::search
