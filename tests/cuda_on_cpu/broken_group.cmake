# How the ranks of a tensor-parallel group put their parts together, broken on purpose: a copy of
# exec/cuda/tensor_group.cpp, made when CMake configures, that leaves out one of its waits where a test asks for it. The
# program that has it among its own sources takes it instead of the one in the library.
set(broken_group ${CMAKE_CURRENT_BINARY_DIR}/broken_group.cpp)
set(source ${CMAKE_SOURCE_DIR}/exec/cuda/tensor_group.cpp)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
file(READ ${source} code)
foreach(call ncclAllReduce ncclAllGather)
  set(wait "comm_.settle(patience_, \"${call}\");")
  replace_once(code "${wait}" "if (!tests::leaves_out_wait_for(\"${call}\")) ${wait}"
    "broken_group: exec/cuda/tensor_group.cpp")
endforeach()
file(CONFIGURE OUTPUT ${broken_group} CONTENT "#include \"tests/cuda_on_cpu/broken_group.h\"\n@code@" @ONLY)
