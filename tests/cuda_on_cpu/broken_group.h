// What the broken copy of exec/cuda/tensor_group.cpp (broken_group.cmake) asks the test that runs it.
#pragma once

#include <string_view>

namespace ppplan::tests {

/// Whether the copy goes on before NCCL has taken over this call.
bool leaves_out_wait_for(std::string_view call);

}  // namespace ppplan::tests
