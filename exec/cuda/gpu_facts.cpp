#include "exec/cuda/gpu_facts.h"

#include <fmt/format.h>

#include <fstream>

namespace ppplan::exec::cuda {

namespace {

cudaDeviceProp properties_of(int gpu) {
  cudaDeviceProp properties;
  PPPLAN_CHECK(cudaGetDeviceProperties(&properties, gpu));
  return properties;
}

// Of an attribute in kHz.
std::string hertz(int gpu, cudaDeviceAttr attribute) {
  int kilohertz = 0;
  PPPLAN_CHECK(cudaDeviceGetAttribute(&kilohertz, attribute, gpu));
  return std::to_string(std::int64_t{1000} * kilohertz);
}

// 13010 is 13.1.
std::string cuda_version(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

// 22809 is 2.28.9.
std::string nccl_version(const NcclCalls& nccl) {
  int version = 0;
  PPPLAN_CHECK_NCCL(nccl, ncclGetVersion(&version));
  return fmt::format("{}.{}.{}", version / 10000, version % 10000 / 100, version % 100);
}

// "" without the kernel's module.
std::string driver_line() {
  std::ifstream file("/proc/driver/nvidia/version");
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

std::string gpu_name(int gpu) { return properties_of(gpu).name; }
std::int64_t l2_bytes(int gpu) { return properties_of(gpu).l2CacheSize; }

std::map<std::string, std::string> gpu_facts(int gpu, const kernels::cuda::BlasCalls& blas, const NcclCalls* nccl) {
  const cudaDeviceProp properties = properties_of(gpu);
  int driver = 0, runtime = 0;
  PPPLAN_CHECK(cudaDriverGetVersion(&driver));
  PPPLAN_CHECK(cudaRuntimeGetVersion(&runtime));
  std::map<std::string, std::string> facts{
      {"gpu", properties.name},
      {"gpu_bus_id",
       fmt::format("{:04x}:{:02x}:{:02x}", properties.pciDomainID, properties.pciBusID, properties.pciDeviceID)},
      {"gpu_memory_bytes", std::to_string(properties.totalGlobalMem)},
      {"gpu_processors", std::to_string(properties.multiProcessorCount)},
      {"compute_capability", fmt::format("{}.{}", properties.major, properties.minor)},
      {"gpu_peak_clock_hz", hertz(gpu, cudaDevAttrClockRate)},
      {"gpu_peak_memory_clock_hz", hertz(gpu, cudaDevAttrMemoryClockRate)},
      {"l2_bytes", std::to_string(properties.l2CacheSize)},
      {"cuda_driver", cuda_version(driver)},
      {"cuda_runtime", cuda_version(runtime)},
      {"cublaslt", fmt::format("{}.{}.{}", blas.version / 10000, blas.version % 10000 / 100, blas.version % 100)}};
  if (const std::string line = driver_line(); !line.empty()) facts["driver"] = line;
  if (nccl != nullptr) facts["nccl"] = nccl_version(*nccl);
  return facts;
}

}  // namespace ppplan::exec::cuda
