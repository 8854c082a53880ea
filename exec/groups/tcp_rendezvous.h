// How the ranks of a run find each other: all come to rank 0, which compares what they are and tells each where the
// others are.
#pragma once

#include <asio/io_context.hpp>
#include <map>

#include "exec/groups/tcp_frames.h"
#include "exec/groups/tcp_world.h"

namespace ppplan::exec::groups {

struct Rendezvous {
  std::map<int, tcp::socket> links;  // rank -> connection: all others on rank 0, rank 0 on the others
  std::vector<tcp::endpoint> peers;  // [rank]: where it takes data connections
  std::int64_t token = 0;
};

/// Runs `context` until all have come or `start_s` has passed. `data` is bound here, on the address that the others can
/// reach. Throws as join_tcp_world.
Rendezvous meet(asio::io_context& context, const TcpSettings& settings, tcp::acceptor& data);

}  // namespace ppplan::exec::groups
