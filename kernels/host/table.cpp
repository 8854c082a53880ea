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
                                     swiglu,
                                     add,
                                     route,
                                     gather,
                                     scatter_add};
  return kTable;
}

}  // namespace ppplan::kernels::host::PPPLAN_KERNEL_VARIANT
