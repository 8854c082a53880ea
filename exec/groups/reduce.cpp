#include "exec/groups/reduce.h"

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace ppplan::exec::groups {
namespace {

template <typename T>
T sum(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    using Wrapping = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<Wrapping>(a) + static_cast<Wrapping>(b));
  } else {
    return a + b;
  }
}

template <typename T, typename Operation>
void each(std::span<std::byte> into, std::span<const std::byte> from, Operation operation) {
  for (std::size_t at = 0; at + sizeof(T) <= into.size(); at += sizeof(T)) {
    T a;
    T b;
    std::memcpy(&a, into.data() + at, sizeof(T));
    std::memcpy(&b, from.data() + at, sizeof(T));
    a = operation(a, b);
    std::memcpy(into.data() + at, &a, sizeof(T));
  }
}

template <typename T>
void reduce_as(std::span<std::byte> into, std::span<const std::byte> from, Reduction reduction) {
  switch (reduction) {
    case Reduction::sum:
      return each<T>(into, from, [](T a, T b) { return sum(a, b); });
    case Reduction::max:
      return each<T>(into, from, [](T a, T b) { return a < b ? b : a; });
    case Reduction::min:
      return each<T>(into, from, [](T a, T b) { return b < a ? b : a; });
  }
}

}  // namespace

std::size_t element_bytes(DataType type) {
  switch (type) {
    case DataType::fp32:
      return 4;
    case DataType::int32:
      return 4;
    case DataType::int64:
      return 8;
    case DataType::bytes:
      return 1;
  }
  return 1;
}

void reduce(std::span<std::byte> into, std::span<const std::byte> from, DataType type, Reduction reduction) {
  switch (type) {
    case DataType::fp32:
      return reduce_as<float>(into, from, reduction);
    case DataType::int32:
      return reduce_as<std::int32_t>(into, from, reduction);
    case DataType::int64:
      return reduce_as<std::int64_t>(into, from, reduction);
    case DataType::bytes:
      return check_reducible(into.size(), type);
  }
}

void check_reducible(std::size_t bytes, DataType type) {
  if (type == DataType::bytes) throw GroupError("a reduction expects numbers, found bytes");
  if (bytes % element_bytes(type) != 0)
    throw GroupError("a reduction of elements of " + std::to_string(element_bytes(type)) + " bytes can't take " +
                     std::to_string(bytes) + " bytes");
}

}  // namespace ppplan::exec::groups
