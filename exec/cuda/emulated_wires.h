// Wires of one GPU, or of near ones, that take as long as those of a plan would: stages on slices of one GPU stand for
// stages on several.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "exec/cuda/wires.h"
#include "exec/cuda_execution.h"
#include "kernels/cuda/owners.h"

namespace ppplan::exec::cuda {

/// A message is carried by other wires, and its transfer ends no sooner than `seconds` after it began. It lasts longer
/// only where those take longer. Messages of different edges don't slow one another down, as they would on a wire that
/// they share.
class EmulatedWires : public Wires {
 public:
  /// `gpus` [stage]; `carriers` outlives it. Throws InputError for a time that is negative or not finite, DeviceError.
  EmulatedWires(const std::vector<WireTime>& times, const std::vector<int>& gpus, Wires& carriers);
  /// With no times at all, as the carriers carry it. Throws InputError for a message that none is named for,
  /// DeviceError.
  void carry(const Message& message, const TransferStreams& streams) override;

 private:
  struct Edge {
    std::map<std::size_t, unsigned long long> nanoseconds;  // by bytes
    kernels::cuda::DeviceArray<unsigned long long> began;   // one: messages of an edge go one after another
  };
  Edge& edge_of(const Message& message);

  Wires& carriers_;
  std::map<std::pair<int, int>, Edge> edges_;  // (from stage, to stage)
};

}  // namespace ppplan::exec::cuda
