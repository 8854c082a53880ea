// The ranks of one run, and the groups made of them. Threads, processes over sockets, MPI and NCCL each have their own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "exec/group.h"

namespace ppplan::exec::groups {

/// One rank's membership of a run. A failure in one of its groups (a peer that ended, a deadline, a message of another
/// size) ends all groups of the run: every rank gets the same GroupError from then on.
class World {
 public:
  virtual ~World() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// The group whose rank i is the run's rank `ranks[i]`. Each member calls it with the same name and list; groups of
  /// one name and list are told apart by the order in which they were made, and a member that never makes the group is
  /// waited for until the deadline. The group may not outlive the world. Throws InputError for a list that names a rank
  /// twice, one outside of the run, or not this one.
  virtual std::unique_ptr<Group> group(const std::string& name, const std::vector<int>& ranks) = 0;
  /// Ends all groups of the run for a fault that is none of theirs; `why` is what every rank's GroupError says, unless
  /// the run has failed already. From any thread.
  virtual void fail(const std::string& why) = 0;
  /// Why the run has failed, nothing while it goes on. From any thread.
  virtual std::optional<std::string> failure() const = 0;
};

/// This rank's number in a group of `ranks`. Throws InputError as World::group does.
int position_in(const std::string& name, const std::vector<int>& ranks, int rank, int size);

/// "rank 1", or "rank 1 (5 of the run)" where the numbers differ: how messages name a rank of a group.
std::string rank_name(const std::vector<int>& ranks, int rank);

/// "rank 1 to send 8 bytes": what one side of a message waits for.
std::string awaited(const std::vector<int>& ranks, int peer, bool receives, std::size_t bytes);

/// Throws GroupError for a peer that is not in the group or is this rank itself.
void check_peer(const Group& group, int peer);

/// One end of a message.
struct MessageEnd {
  int rank = 0;  // in its group
  std::size_t bytes = 0;
};
/// "PP 0: rank 0 sent 8 bytes where rank 1 awaits 16".
std::string size_message(const std::string& name, const std::vector<int>& ranks, MessageEnd sent, MessageEnd awaited);

}  // namespace ppplan::exec::groups
