// What the files of a safetensors checkpoint say of their tensors: names and bytes, never the data itself.
//
// A file is 8 bytes, the header's length n (little-endian, at most 100 000 000), then n bytes of JSON, then the data:
//   {"__metadata__": {...}, "NAME": {"dtype": "BF16", "shape": [4, 2], "data_offsets": [begin, end]}, ...}
// with half-open byte ranges counted from the end of the header. A checkpoint of several files has an index:
//   {"metadata": {"total_size": bytes}, "weight_map": {"NAME": "FILE", ...}}
// Source: huggingface/safetensors, safetensors/src/tensor.rs at 000a16f (Apache-2.0), for the format and its limit.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ppplan::spec {

inline constexpr std::int64_t longest_header_bytes = 100'000'000;
inline constexpr std::size_t most_tensors = std::size_t{1} << 20;

struct TensorSize {
  std::string name;
  std::string dtype;  // as the file spells it: "BF16", "F8_E4M3", ...
  std::int64_t begin = 0;
  std::int64_t end = 0;  // bytes [begin, end) of the data
  std::int64_t bytes() const { return end - begin; }
  bool operator==(const TensorSize&) const = default;
};

/// Bytes of the JSON header, of the file's first 8 bytes. Throws InputError when they are fewer or the header would be
/// empty, longer than the limit or longer than the file.
std::int64_t safetensors_header_length(std::string_view first_bytes, std::int64_t file_size, const std::string& source);

/// Tensors of a file of `file_size` bytes in the order of their data; `first_bytes` holds the length and the whole
/// header, more is ignored. Throws InputError naming `source`, the tensor and the place: no JSON object, more than
/// most_tensors, a name twice, a missing member, offsets that are negative, descending, beyond the file or shared by
/// two tensors, bytes that are not those of shape and dtype (unknown dtypes are taken as they are).
std::vector<TensorSize> read_safetensors_header(std::string_view first_bytes, std::int64_t file_size,
                                                const std::string& source);

struct SafetensorsIndex {
  std::map<std::string, std::string> weight_map;  // name of a tensor -> name of its file, in the index's own folder
  std::optional<std::int64_t> total_size_bytes;   // as stated; not always kept up to date
  bool operator==(const SafetensorsIndex&) const = default;
};
/// Throws InputError: no weight_map, an empty one or more than most_tensors names, a name twice, a file that is no
/// plain file name.
SafetensorsIndex read_safetensors_index(std::string_view text, const std::string& source);

}  // namespace ppplan::spec
