// How vLLM keeps mxfp4 experts, by the kernel that it chooses for a card and a version: data with the source of each
// row in planner/catalog/data/dtypes.json ("mxfp4_kernels").
#pragma once

#include <string>

#include "planner/spec/cluster_spec.h"

namespace ppplan::engines {

struct ExpertKernel {
  std::string name = "marlin";
  int hidden_multiple = 256;  // elements that the hidden width is rounded up to
  int width_multiple = 128;   // the same of one expert's width on a rank
  /// A second copy of the scales in the kernel's own order, whose rows are rounded up to this; 0 = none.
  int scale_rows_multiple = 0;
  int bias_bytes = 2;  // of one element of an expert's bias
  bool operator==(const ExpertKernel&) const = default;
};

/// For `device` under a version; "" = newest. A card of unknown compute capability counts as the oldest. `backend`
/// (--moe-backend) chooses a kernel whose name it holds, whatever the card; one that the table doesn't know leaves the
/// choice to vLLM. Throws InputError for a version that is none.
ExpertKernel mxfp4_kernel(const spec::Device& device, const std::string& vllm_version, const std::string& backend = {});

}  // namespace ppplan::engines
