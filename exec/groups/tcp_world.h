// Ranks that are processes, on one host or many, connected by TCP sockets.
//
// Rank 0 listens at an address that all know. The others come there, versions and sizes are compared, and each learns
// where the others listen (rendezvous). The connections with rank 0 stay: they carry signs of life, and rank 0 decides
// why a run fails, so that every rank tells the same cause. Data travel on connections of their own, one for each group
// and pair of ranks, made when first used by the lower rank of the run. A message is its length and its bytes; small
// ones may be on their way before their receive has come.
//
// A thread of each rank serves its sockets. A process that is killed closes its connections, and a rank that hangs
// sends no sign of life: either ends all ranks with one message that names it. A world that is destroyed says goodbye;
// rank 0 stays until all others have done so.
#pragma once

#include <cstdint>
#include <optional>

#include "exec/groups/world.h"

namespace ppplan::exec::groups {

/// A socket that listens.
struct Listener {
  int socket = 0;  // file descriptor
  std::uint16_t port = 0;
};
/// Port 0 takes a free one. Throws InputError where the address can't be listened on.
Listener listen_on(const std::string& address, std::uint16_t port);

struct TcpSettings {
  int rank = 0;
  int size = 1;
  std::string address = "127.0.0.1";  // where rank 0 listens
  std::uint16_t port = 0;
  std::optional<int> listener;  // of rank 0: a socket that listens there already, taken over; else it opens one
  std::string version;          // of the program, the same on all ranks
  double start_s = 60;          // in which all ranks come
  double deadline_s = 10;       // for one wait
  double heartbeat_s = 1;       // between signs of life
  double silence_s = 3;         // after which a rank is taken for dead
};

/// Throws InputError for a rank outside of the size and GroupError when the ranks don't come together: one that is
/// missing, comes twice, runs another version or was started for another size is named on every rank that came, or
/// comes within 3 s of it.
std::unique_ptr<World> join_tcp_world(const TcpSettings& settings);

}  // namespace ppplan::exec::groups
