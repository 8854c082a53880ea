#include "exec/groups/mpi/mpi_channel.h"

#include <fmt/format.h>

#include <algorithm>

#include "exec/groups/world.h"

namespace ppplan::exec::groups {
namespace {

void end(MpiSide& side, MpiState state) {
  side.state = state;
  side.changed.notify_all();
}

}  // namespace

std::optional<std::string> MpiChannel::progress(bool peer_is_gone) {
  if (tag_) {
    begin_sends();
    if (auto fault = begin_receive()) return fault;
    test(sends_);
    test(receives_);
  }
  return awaited_in_vain(peer_is_gone);
}

void MpiChannel::begin_sends() {
  for (const MpiSidePtr& side : sends_) {
    if (side->state != MpiState::waiting) continue;
    MPI_Isend(side->from, static_cast<int>(side->bytes), MPI_BYTE, peer_of_run(), *tag_, comm_, &side->request);
    side->state = MpiState::active;
    ++sent_;
  }
}

// One receive at a time, so that the message that comes next is the one that is asked for next.
std::optional<std::string> MpiChannel::begin_receive() {
  if (receives_.empty() || receives_.front()->state != MpiState::waiting) return std::nullopt;
  MpiSide& side = *receives_.front();
  int found = 0, bytes = 0;
  MPI_Message message{};
  MPI_Status status{};
  MPI_Improbe(peer_of_run(), *tag_, comm_, &found, &message, &status);
  if (found == 0) return std::nullopt;
  MPI_Get_count(&status, MPI_BYTE, &bytes);
  ++received_;
  if (static_cast<std::size_t>(bytes) != side.bytes)
    return size_message(ends_.group, ends_.ranks, {ends_.peer, static_cast<std::size_t>(bytes)},
                        {ends_.rank, side.bytes});
  MPI_Imrecv(side.to, bytes, MPI_BYTE, &message, &side.request);
  side.state = MpiState::active;
  return std::nullopt;
}

void MpiChannel::test(std::deque<MpiSidePtr>& sides) {
  for (const MpiSidePtr& side : sides) {
    int ended = 0;
    if (side->state == MpiState::active) MPI_Test(&side->request, &ended, MPI_STATUS_IGNORE);
    if (ended != 0) end(*side, MpiState::done);
  }
  std::erase_if(sides, [](const MpiSidePtr& side) { return side->ended(); });
}

std::optional<std::string> MpiChannel::awaited_in_vain(bool peer_is_gone) const {
  const bool nothing_comes = peer_messages_ ? received_ >= *peer_messages_ : peer_is_gone;
  if (!nothing_comes || !is_used()) return std::nullopt;
  const MpiSide& side = receives_.empty() ? *sends_.front() : *receives_.front();
  if (side.receives && side.state == MpiState::active) return std::nullopt;
  return fmt::format("{}: {} awaits {}, but it has ended", ends_.group, rank_name(ends_.ranks, ends_.rank),
                     awaited(ends_.ranks, ends_.peer, side.receives, side.bytes));
}

void MpiChannel::fail(bool for_good) {
  if (tag_) {
    test(sends_);
    test(receives_);
  }
  for (std::deque<MpiSidePtr>* sides : {&sends_, &receives_}) {
    for (const MpiSidePtr& side : *sides)
      if (side->state == MpiState::waiting || for_good) end(*side, MpiState::failed);
    std::erase_if(*sides, [](const MpiSidePtr& side) { return side->ended(); });
  }
}

}  // namespace ppplan::exec::groups
