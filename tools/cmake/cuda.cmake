# PPPLAN_CUDA=AUTO|ON|OFF: whether cuda/ folders are built. It looks for the toolkit, never for a GPU. Sets
#   PPPLAN_CUDA_COMPILER  nvcc is there: cuda/ folders are built, for compute capability 8.0, 9.0 and as PTX of 9.0
#   PPPLAN_CUDA_HEADERS   cuda_bf16.h and cublasLt.h are there: kernels and backend run on the CPU in tests/cuda_on_cpu
# Neither cuBLASLt's nor NCCL's library is needed, nor nccl.h.
set(PPPLAN_CUDA AUTO CACHE STRING "Build the cuda/ folders: AUTO (when the toolkit is there), ON or OFF")
set_property(CACHE PPPLAN_CUDA PROPERTY STRINGS AUTO ON OFF)
set(PPPLAN_CUDA_COMPILER OFF)
set(PPPLAN_CUDA_HEADERS OFF)
if(PPPLAN_CUDA STREQUAL "OFF")
  return()
endif()

find_package(CUDAToolkit QUIET)
if(CUDAToolkit_FOUND)
  find_file(PPPLAN_CUDA_BF16_HEADER cuda_bf16.h PATHS ${CUDAToolkit_INCLUDE_DIRS} NO_DEFAULT_PATH)
  find_file(PPPLAN_CUBLASLT_HEADER cublasLt.h PATHS ${CUDAToolkit_INCLUDE_DIRS} NO_DEFAULT_PATH)
  if(PPPLAN_CUDA_BF16_HEADER AND PPPLAN_CUBLASLT_HEADER)
    set(PPPLAN_CUDA_HEADERS ON)
  endif()
  # The kernels need C++20 of nvcc.
  if(PPPLAN_CUDA_HEADERS AND CUDAToolkit_NVCC_EXECUTABLE AND CUDAToolkit_VERSION VERSION_GREATER_EQUAL 12.0)
    set(PPPLAN_CUDA_COMPILER ON)
  endif()
endif()
if(PPPLAN_CUDA STREQUAL "ON" AND NOT PPPLAN_CUDA_COMPILER)
  message(FATAL_ERROR "PPPLAN_CUDA=ON, but no CUDA toolkit 12.0 or newer with nvcc and cublasLt.h was found; CUDAToolkit_ROOT names its folder")
endif()

# ppplan_cuda_objects(OUT file.cu...): compiles each file by nvcc and lists the objects in OUT. Commands instead of CMake's
# own CUDA language: that tests the compiler for minutes and refuses standards and releases newer than CMake.
function(ppplan_cuda_objects out)
  set(flags -std=c++20 -O3 -lineinfo -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]
    -ccbin ${CMAKE_CXX_COMPILER} -Xcompiler=-fPIC,-Wall,-Wextra -I ${CMAKE_SOURCE_DIR})
  if(PPPLAN_WERROR)
    list(APPEND flags -Werror all-warnings)
  endif()
  set(objects "")
  foreach(source IN LISTS ARGN)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${source}.o)
    add_custom_command(OUTPUT ${object}
      COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${CUDAToolkit_NVCC_EXECUTABLE} ${flags} -MD -MT ${object} -MF ${object}.d
              -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
      DEPENDS ${source} DEPFILE ${object}.d COMMENT "Building CUDA object ${source}.o" VERBATIM COMMAND_EXPAND_LISTS)
    list(APPEND objects ${object})
  endforeach()
  set(${out} ${objects} PARENT_SCOPE)
endfunction()
message(STATUS "CUDA toolkit: nvcc ${PPPLAN_CUDA_COMPILER}, headers ${PPPLAN_CUDA_HEADERS} ${CUDAToolkit_VERSION}")
