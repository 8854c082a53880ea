// Safetensors files without data, for tests: real headers, and sparse files of the size that they state.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "planner/input/document.h"

namespace ppplan::spec {

struct SparseTensor {
  std::string name;
  std::int64_t bytes = 0;
  std::string dtype = "U8";
};

/// 8 bytes of length and the JSON.
inline std::string with_length(const std::string& json) {
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) out += static_cast<char>(json.size() >> (8 * i) & 0xFF);
  return out + json;
}

/// Tensors one after the other, each of dimensions [bytes / 4] for F32, [bytes] for U8.
inline std::string header_of(const std::vector<SparseTensor>& tensors) {
  std::int64_t at = 0;
  std::string json = R"({"__metadata__":{"format":"pt"})";
  for (const SparseTensor& tensor : tensors) {
    const std::int64_t elements = tensor.dtype == "F32" ? tensor.bytes / 4 : tensor.bytes;
    json += "," + input::Json(tensor.name).dump() + R"(:{"dtype":")" + tensor.dtype + R"(","shape":[)" +
            std::to_string(elements) + R"(],"data_offsets":[)" + std::to_string(at) + "," +
            std::to_string(at + tensor.bytes) + "]}";
    at += tensor.bytes;
  }
  return with_length(json + "}");
}

/// Writes the header; the data is a hole.
inline void write_sparse(const std::filesystem::path& path, const std::vector<SparseTensor>& tensors) {
  const std::string header = header_of(tensors);
  std::uintmax_t size = header.size();
  for (const SparseTensor& tensor : tensors) size += static_cast<std::uintmax_t>(tensor.bytes);
  input::write_text(path.string(), header);
  std::filesystem::resize_file(path, size);
}

}  // namespace ppplan::spec
