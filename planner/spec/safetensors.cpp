#include "planner/spec/safetensors.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "planner/input/input_error.h"
#include "planner/spec/json_events.h"
#include "planner/spec/model_limits.h"

namespace ppplan::spec {
namespace {

using input::InputError;
using input::Json;
using input::Node;

constexpr std::size_t length_bytes = 8;
constexpr std::size_t most_dimensions = 64;
constexpr std::size_t longest_dtype = 32;

/// Bits of an element; 0 for a format that is not known here.
int element_bits(std::string_view dtype) {
  constexpr std::pair<std::string_view, int> formats[] = {
      {"BOOL", 8}, {"U8", 8},      {"I8", 8},      {"U16", 16},    {"I16", 16},    {"F16", 16},   {"BF16", 16},
      {"U32", 32}, {"I32", 32},    {"F32", 32},    {"U64", 64},    {"I64", 64},    {"F64", 64},   {"C64", 64},
      {"F4", 4},   {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6}};
  for (const auto& [name, bits] : formats)
    if (name == dtype) return bits;
  return 0;
}

/// One member of the header while it is read.
struct Reading {
  TensorSize tensor;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> offsets;
  bool has_shape = false;
};

class HeaderReader : public JsonEvents {
 public:
  HeaderReader(std::int64_t data_bytes, const std::string& source) : JsonEvents(source), data_bytes_(data_bytes) {}

  std::vector<TensorSize> tensors;

 private:
  bool metadata() const { return depth() > 0 && key_at(0) == "__metadata__"; }

  void opened(const Json& kind) override {
    if (depth() < 2 && !kind.is_object()) here(kind).fail("an object");
    if (metadata() || depth() == 0) return;
    if (depth() == 1) return begin_tensor(kind);
    const std::string& member = key_at(1);
    const bool list = member == "shape" || member == "data_offsets";
    if (list && (depth() > 2 || !kind.is_array())) here(kind).fail("an array of whole numbers");
    if (member == "dtype") here(kind).fail("text");
    if (member == "shape") reading_.has_shape = true;
  }

  void scalar(const Json& value) override {
    if (depth() < 2 && !metadata()) here(value).fail("an object");
    if (metadata()) return;
    const std::string& member = key_at(1);
    if (member == "dtype") return read_dtype(value);
    if (member == "shape") return add_number(value, reading_.shape, most_dimensions);
    if (member == "data_offsets") return add_number(value, reading_.offsets, 2);
  }

  void closed() override {
    if (depth() == 1 && !metadata()) end_tensor();
  }

  void begin_tensor(const Json& kind) {
    if (tensors.size() == most_tensors)
      here(kind).fail("at most " + std::to_string(most_tensors) + " tensors", "more of them");
    reading_ = {};
    reading_.tensor.name = key_at(0);
  }

  void read_dtype(const Json& value) {
    const Node node = here(value);
    reading_.tensor.dtype = node.text();
    if (reading_.tensor.dtype.empty() || reading_.tensor.dtype.size() > longest_dtype)
      node.fail("a format of 1 to 32 bytes");
  }

  void add_number(const Json& value, std::vector<std::int64_t>& list, std::size_t most) {
    const Node node = here(value);
    if (depth() != 3) node.fail("an array of whole numbers");
    if (list.size() == most) node.fail("at most " + std::to_string(most) + " numbers", "more of them");
    list.push_back(node.integer(0, most_stated_bytes));
  }

  void end_tensor() {
    const Json none;  // stands for the tensor that just ended; errors below say what they found
    const Node node = here(none);
    TensorSize& tensor = reading_.tensor;
    const auto& offsets = reading_.offsets;
    if (tensor.dtype.empty()) node.fail("a member 'dtype'", "none");
    if (!reading_.has_shape) node.fail("a member 'shape'", "none");
    if (offsets.size() != 2) node.fail("data_offsets of 2 numbers", std::to_string(offsets.size()) + " of them");
    if (offsets[0] > offsets[1] || offsets[1] > data_bytes_)
      node.fail("data_offsets in ascending order within the file's " + std::to_string(data_bytes_) + " bytes of data",
                std::to_string(offsets[0]) + " to " + std::to_string(offsets[1]));
    tensor.begin = offsets[0];
    tensor.end = offsets[1];
    check_shape(node);
    tensors.push_back(std::move(tensor));
  }

  void check_shape(const Node& node) const {
    const int bits = element_bits(reading_.tensor.dtype);
    if (bits == 0) return;
    const std::int64_t bytes = reading_.tensor.bytes();
    double total = bits;  // exact below 2^53, and a wrong product beyond is beyond any file too
    for (const std::int64_t size : reading_.shape) total *= static_cast<double>(size);
    if (total / 8 == static_cast<double>(bytes)) return;
    node.fail("the bytes of its shape as " + reading_.tensor.dtype, std::to_string(bytes));
  }

  std::int64_t data_bytes_;
  Reading reading_;
};

/// Quotes a tensor as a place in the header.
std::string place_of(const TensorSize& tensor) {
  Json::json_pointer out;
  out.push_back(tensor.name);
  return out.to_string();
}

void check_names(const std::vector<TensorSize>& tensors, const std::string& source) {
  std::vector<std::string_view> names;
  for (const TensorSize& tensor : tensors) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) throw InputError(source, "", "every tensor once", "'" + std::string(*twice) + "' twice");
}

/// In order of begin: each tensor starts where the one before ended, or later.
void check_overlap(const std::vector<TensorSize>& tensors, const std::string& source) {
  for (std::size_t i = 1; i < tensors.size(); ++i)
    if (tensors[i].begin < tensors[i - 1].end)
      throw InputError(source, place_of(tensors[i]), "data of its own",
                       "bytes that belong to '" + tensors[i - 1].name + "' too");
}

class IndexReader : public JsonEvents {
 public:
  using JsonEvents::JsonEvents;
  SafetensorsIndex index;

 private:
  bool within(std::string_view member) const { return depth() > 0 && key_at(0) == member; }

  void opened(const Json& kind) override {
    const bool map = within("weight_map");
    if ((depth() == 0 || (map && depth() == 1)) && !kind.is_object()) here(kind).fail("an object");
    if (map && depth() > 1) here(kind).fail("a file's name");
  }

  void scalar(const Json& value) override {
    if (depth() == 0 || (depth() == 1 && within("weight_map"))) here(value).fail("an object");
    if (within("weight_map")) return add_name(value);
    if (depth() == 2 && within("metadata") && key_at(1) == "total_size" && value.is_number())
      index.total_size_bytes = here(value).integer(0, most_stated_bytes);
  }

  void closed() override {}

  void add_name(const Json& value) {
    const Node node = here(value);
    const std::string file = node.text();
    const bool plain = !file.empty() && file.size() <= longest_key && file != "." &&
                       file.find("..") == std::string::npos &&
                       file.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
    if (!plain) node.fail("the plain name of a file");
    if (index.weight_map.size() == most_tensors)
      node.fail("at most " + std::to_string(most_tensors) + " tensors", "more of them");
    if (!index.weight_map.emplace(key_at(1), file).second) node.fail("every tensor once", "a second entry");
  }
};

}  // namespace

std::int64_t safetensors_header_length(std::string_view first_bytes, std::int64_t file_size,
                                       const std::string& source) {
  if (first_bytes.size() < length_bytes)
    throw InputError(source, "", "8 bytes with the header's length", std::to_string(first_bytes.size()) + " bytes");
  std::uint64_t length = 0;
  for (std::size_t i = length_bytes; i-- > 0;) length = length << 8 | static_cast<unsigned char>(first_bytes[i]);
  const std::int64_t room = std::min(longest_header_bytes, file_size - static_cast<std::int64_t>(length_bytes));
  if (length < 2 || room < 0 || length > static_cast<std::uint64_t>(room))
    throw InputError(source, "its first 8 bytes",
                     "a header's length from 2 to " + std::to_string(std::max<std::int64_t>(room, 2)),
                     std::to_string(length));
  return static_cast<std::int64_t>(length);
}

std::vector<TensorSize> read_safetensors_header(std::string_view first_bytes, std::int64_t file_size,
                                                const std::string& source) {
  const std::int64_t length = safetensors_header_length(first_bytes, file_size, source);
  const std::string_view rest = first_bytes.substr(length_bytes);
  if (static_cast<std::int64_t>(rest.size()) < length)
    throw InputError(source, "", "a header of " + std::to_string(length) + " bytes", std::to_string(rest.size()));
  HeaderReader reader(file_size - static_cast<std::int64_t>(length_bytes) - length, source);
  reader.read(rest.substr(0, static_cast<std::size_t>(length)));
  std::vector<TensorSize> tensors = std::move(reader.tensors);
  check_names(tensors, source);
  std::sort(tensors.begin(), tensors.end(), [](const TensorSize& a, const TensorSize& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  check_overlap(tensors, source);
  return tensors;
}

SafetensorsIndex read_safetensors_index(std::string_view text, const std::string& source) {
  IndexReader reader(source);
  reader.read(text);
  if (reader.index.weight_map.empty()) throw InputError(source, "", "a member 'weight_map' with tensors", "none");
  return std::move(reader.index);
}

}  // namespace ppplan::spec
