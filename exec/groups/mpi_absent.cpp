// A build that found no MPI library.
#include "exec/groups/mpi_world.h"
#include "planner/input/input_error.h"

namespace ppplan::exec::groups {
namespace {

[[noreturn]] void refuse() {
  throw input::InputError("this build has no MPI: build it where CMake finds an MPI library");
}

}  // namespace

bool mpi_is_built() { return false; }
int mpi_rank() { refuse(); }
int mpi_size() { refuse(); }
std::unique_ptr<World> join_mpi_world(const MpiSettings&) { refuse(); }
std::vector<std::string> mpi_gather(const std::string&) { refuse(); }

}  // namespace ppplan::exec::groups
