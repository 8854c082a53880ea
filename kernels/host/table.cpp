#include "kernels/host/variant.h"

#define PPPLAN_TEXT_OF(name) #name
#define PPPLAN_TEXT(name) PPPLAN_TEXT_OF(name)

namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT {

const Operations& table();
const Operations& table() {
  static constexpr Operations kTable{PPPLAN_TEXT(PPPLAN_KERNEL_VARIANT),
                                     embed,
                                     rms_norm,
                                     linear,
                                     rope,
                                     store_kv,
                                     attention,
                                     latent_attention,
                                     swiglu,
                                     add,
                                     route,
                                     gather,
                                     scatter_add};
  return kTable;
}

const BackwardOperations& backward_table();
const BackwardOperations& backward_table() {
  static constexpr BackwardOperations kTable{PPPLAN_TEXT(PPPLAN_KERNEL_VARIANT),
                                             backward::linear_input,
                                             backward::linear_weight,
                                             backward::rms_norm_input,
                                             backward::rms_norm_gain,
                                             backward::rope,
                                             backward::attention,
                                             backward::load_kv,
                                             backward::swiglu,
                                             backward::dot_rows,
                                             backward::scale_rows,
                                             backward::route,
                                             backward::scatter,
                                             backward::cross_entropy,
                                             backward::adamw};
  return kTable;
}

}  // namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT
