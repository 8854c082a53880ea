// Which number formats vLLM runs on a card: rules by compute capability and version, data in
// planner/catalog/data/dtypes.json with the source of each.
#pragma once

#include <string>

#include "planner/spec/cluster_spec.h"
#include "planner/spec/dtype.h"
#include "planner/spec/model_spec.h"

namespace ppplan::engines {

struct DtypeSupport {
  enum class Kind {
    native,       // computed in that format
    weight_only,  // stored in it, computed in 16 bits
    unsupported,  // vLLM refuses to start
    unknown,      // no rule says; counts as allowed
  };
  Kind kind = Kind::unknown;
  std::string reason;  // a clause for the user, "" where nothing is to be said
  bool operator==(const DtypeSupport&) const = default;
};

/// Weights of `dtype` on `device`. `vllm_version` "" = newest of the rules. AMD cards are known by their catalog name.
/// Throws InputError for a version that is none.
DtypeSupport dtype_support(const spec::Device& device, spec::DType dtype, const std::string& vllm_version);
/// A KV cache of `dtype`, likewise; weight_only = stored so, attention computed in 16 bits.
DtypeSupport kv_dtype_support(const spec::Device& device, spec::DType dtype, const std::string& vllm_version);

/// The version has kernels for a card so new: its release was built for it, or someone built it from source.
bool built_for(const spec::Device& device, const std::string& vllm_version);

/// Whether that version serves a bf16 model in fp16 on a card without bf16 when no --dtype is given; else it ends.
bool falls_back_to_fp16(const std::string& vllm_version);

/// Why vLLM can't serve this model on such a card ("fp8 weights on t4: ..."); "" when it can or no rule says.
std::string format_fault(const spec::ModelSpec& model, const spec::Device& device, const std::string& vllm_version);

}  // namespace ppplan::engines
