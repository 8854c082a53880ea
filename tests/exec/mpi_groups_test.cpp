// Ranks of an MPI job pass the shared suite. Every process of the job runs every test and asserts on what all ranks
// tell.
#include "exec/groups/mpi_world.h"
#include "tests/exec/group_suite.h"

namespace ppplan::tests {
namespace {

using namespace exec::groups;

Launch mpi_launch() {
  return {"Mpi", [](int size, double deadline_s, const Program& program) {
            std::string own;
            if (mpi_rank() < size) own = outcome_of([&] { program(*join_mpi_world({size, deadline_s, false})); });
            Outcomes out = mpi_gather(own);
            out.resize(static_cast<std::size_t>(size));
            return out;
          }};
}

INSTANTIATE_TEST_SUITE_P(Groups, GroupSuite, testing::Values(mpi_launch()), launch_name);

}  // namespace
}  // namespace ppplan::tests
