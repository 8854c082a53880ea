#include "exec/groups/world.h"

#include <algorithm>
#include <set>

#include "planner/input/input_error.h"

namespace ppplan::exec::groups {

int position_in(const std::string& name, const std::vector<int>& ranks, int rank, int size) {
  const auto refuse = [&](const std::string& why) { throw input::InputError("group " + name + ": " + why); };
  std::set<int> seen;
  for (int member : ranks) {
    if (member < 0 || member >= size)
      refuse("expected ranks below " + std::to_string(size) + ", found " + std::to_string(member));
    if (!seen.insert(member).second) refuse("expected every rank once, found " + std::to_string(member) + " twice");
  }
  const auto found = std::find(ranks.begin(), ranks.end(), rank);
  if (found == ranks.end()) refuse("rank " + std::to_string(rank) + " asks for it and is not in it");
  return static_cast<int>(found - ranks.begin());
}

std::string rank_name(const std::vector<int>& ranks, int rank) {
  const int of_run = ranks[static_cast<std::size_t>(rank)];
  const std::string name = "rank " + std::to_string(rank);
  return of_run == rank ? name : name + " (" + std::to_string(of_run) + " of the run)";
}

std::string awaited(const std::vector<int>& ranks, int peer, bool receives, std::size_t bytes) {
  return rank_name(ranks, peer) + " to " + (receives ? "send " : "receive ") + std::to_string(bytes) + " bytes";
}

void check_peer(const Group& group, int peer) {
  const std::string who = group.name() + ": rank " + std::to_string(group.rank());
  if (peer == group.rank()) throw GroupError(who + " can't send to itself or receive from itself");
  if (peer < 0 || peer >= group.size())
    throw GroupError(who + " names the peer " + std::to_string(peer) + ", the group has ranks 0 to " +
                     std::to_string(group.size() - 1));
}

std::string size_message(const std::string& name, const std::vector<int>& ranks, MessageEnd sent, MessageEnd awaited) {
  return name + ": " + rank_name(ranks, sent.rank) + " sent " + std::to_string(sent.bytes) + " bytes where " +
         rank_name(ranks, awaited.rank) + " awaits " + std::to_string(awaited.bytes);
}

}  // namespace ppplan::exec::groups
