#include "exec/cuda/communicator.h"

#include <utility>

namespace ppplan::exec::cuda {

NcclId new_id(const NcclCalls& calls) {
  NcclId id{};
  PPPLAN_CHECK_NCCL(calls, ncclGetUniqueId(&id));
  return id;
}

CallGroup::CallGroup(const NcclCalls& calls) : calls_(calls) { PPPLAN_CHECK_NCCL(calls_, ncclGroupStart()); }
CallGroup::~CallGroup() {
  if (!ended_) calls_.ncclGroupEnd();
}
void CallGroup::end() {
  ended_ = true;
  PPPLAN_CHECK_NCCL(calls_, ncclGroupEnd());
}

Communicator::Communicator(const NcclCalls& calls, const NcclId& id, int ranks, int rank, int max_blocks)
    : calls_(&calls) {
  NcclConfig config;
  config.blocking = 0;
  if (max_blocks > 0) config.max_ctas = max_blocks;
  PPPLAN_CHECK_NCCL(calls, ncclCommInitRankConfig(&comm_, ranks, id, rank, &config));
}

Communicator::~Communicator() { give_up(); }

Communicator::Communicator(Communicator&& other) noexcept
    : calls_(other.calls_), comm_(std::exchange(other.comm_, nullptr)) {}

Communicator& Communicator::operator=(Communicator&& other) noexcept {
  if (this == &other) return *this;
  give_up();
  calls_ = other.calls_;
  comm_ = std::exchange(other.comm_, nullptr);
  return *this;
}

void Communicator::give_up() {
  if (comm_ != nullptr) calls_->ncclCommAbort(std::exchange(comm_, nullptr));
}

void Communicator::settle(const Patience& patience, const char* what) const {
  const auto taken_over = [&] {
    NcclResult state = NcclResult::in_progress;
    PPPLAN_CHECK_NCCL(*calls_, ncclCommGetAsyncError(comm_, &state));
    exec::cuda::check(*calls_, state, what);
    return state == NcclResult::success;
  };
  await(taken_over, patience, what);
}

void Communicator::check() const {
  NcclResult state = NcclResult::success;
  PPPLAN_CHECK_NCCL(*calls_, ncclCommGetAsyncError(comm_, &state));
  exec::cuda::check(*calls_, state, "a message under way");
}

void Communicator::begin_close() { PPPLAN_CHECK_NCCL(*calls_, ncclCommFinalize(comm_)); }

void Communicator::close(const Patience& patience) {
  settle(patience, "closing a communicator");
  PPPLAN_CHECK_NCCL(*calls_, ncclCommDestroy(std::exchange(comm_, nullptr)));
}

}  // namespace ppplan::exec::cuda
