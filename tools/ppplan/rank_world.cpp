#include "tools/ppplan/rank_world.h"

#include <fmt/format.h>

#include "exec/groups/mpi_world.h"
#include "exec/groups/tcp_world.h"
#include "planner/input/input_error.h"

namespace ppplan::tools {
namespace {

std::unique_ptr<exec::groups::World> join_mpi_ranks(const exec::launch::JobPlace& place, const RankLink& link) {
  namespace groups = exec::groups;
  if (groups::mpi_rank() != place.rank || groups::mpi_size() != place.size)
    throw input::InputError(
        fmt::format("--transport mpi: expected rank {} of {} as {} says, found rank {} of {} in MPI", place.rank,
                    place.size, place.launcher, groups::mpi_rank(), groups::mpi_size()));
  return groups::join_mpi_world({place.size, link.deadline_s});
}

}  // namespace

std::unique_ptr<exec::groups::World> join_ranks(const exec::launch::JobPlace& place, const RankLink& link) {
  if (link.transport == "mpi") return join_mpi_ranks(place, link);
  exec::groups::TcpSettings settings;
  settings.rank = place.rank;
  settings.size = place.size;
  settings.address = place.address;
  settings.port = place.port;
  settings.listener = place.listener;
  // The name of its host may mean an address to rank 0 that others can't reach (127.0.1.1).
  if (place.rank == 0 && !place.listener && place.local_size < place.size)
    settings.listener = exec::groups::listen_on("0.0.0.0", place.port).socket;
  settings.version = PPPLAN_VERSION;
  settings.deadline_s = link.deadline_s;
  settings.heartbeat_s = link.heartbeat_s;
  settings.silence_s = 3 * link.heartbeat_s;
  return exec::groups::join_tcp_world(settings);
}

std::string not_under_mpirun(int ranks) {
  return fmt::format("--transport mpi: start the ranks with mpirun -n {} and this command", ranks);
}

}  // namespace ppplan::tools
