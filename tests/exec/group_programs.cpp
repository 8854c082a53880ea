#include "tests/exec/group_programs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <random>
#include <string>

#include "tests/exec/group_suite.h"

namespace ppplan::tests {
namespace {

using exec::DataType;
using exec::Group;
using exec::Reduction;
using Bytes = std::vector<std::byte>;

std::mt19937_64 engine(std::uint64_t seed, int step, int rank) {
  std::seed_seq sequence{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32),
                         static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(rank)};
  return std::mt19937_64(sequence);
}

template <typename T>
Bytes as_bytes(const std::vector<T>& values) {
  Bytes out(values.size() * sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), values.data(), out.size());
  return out;
}

template <typename T>
std::vector<T> as_values(const Bytes& bytes) {
  std::vector<T> out(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

template <typename T>
T plain(T a, T b, Reduction reduction) {
  if (reduction == Reduction::max) return std::max(a, b);
  if (reduction == Reduction::min) return std::min(a, b);
  if constexpr (std::is_same_v<T, std::int32_t>)
    return static_cast<T>(static_cast<std::int64_t>(a) + b);  // modulo 2^32 since C++20
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  else
    return a + b;
}

template <typename T>
Bytes plainly_reduced(const std::vector<Bytes>& of_ranks, Reduction reduction) {
  std::vector<T> out = as_values<T>(of_ranks[0]);
  for (std::size_t rank = 1; rank < of_ranks.size(); ++rank) {
    const std::vector<T> other = as_values<T>(of_ranks[rank]);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = plain(out[i], other[i], reduction);
  }
  return as_bytes(out);
}

/// A program's next step: what all ranks draw alike.
struct Step {
  std::uint64_t seed;
  int number;
  std::mt19937_64 random;

  int below(int n) { return static_cast<int>(random() % static_cast<std::uint64_t>(n)); }
  /// Often small, sometimes empty, sometimes more than a socket's buffer.
  std::size_t size() {
    const int kind = below(10);
    return static_cast<std::size_t>(kind == 0 ? 0 : kind == 9 ? below(60'000) : below(200));
  }
  DataType number_type() { return std::array{DataType::fp32, DataType::int32, DataType::int64}[index(below(3))]; }
  Reduction reduction() { return std::array{Reduction::sum, Reduction::max, Reduction::min}[index(below(3))]; }
  static std::size_t index(int i) { return static_cast<std::size_t>(i); }
};

void check(const Step& step, const char* what, const Bytes& found, const Bytes& expected) {
  expect(found == expected, std::string(what) + " differs in step " + std::to_string(step.number) + " of seed " +
                                std::to_string(step.seed));
}

struct Message {
  int from, to, number;
  std::size_t bytes;
};

std::vector<Message> drawn_messages(Step& step, int ranks) {
  std::vector<Message> out;
  if (ranks < 2) return out;
  for (int left = 1 + step.below(8); left > 0; --left) {
    const int from = step.below(ranks);
    const int to = (from + 1 + step.below(ranks - 1)) % ranks;
    out.push_back({from, to, 1000 * step.number + left, step.size()});
  }
  return out;
}

/// All under way at once, waited for in an order of this rank's own.
void messages_at_once(Group& group, Step& step) {
  const auto messages = drawn_messages(step, group.size());
  std::vector<Bytes> buffers(messages.size());
  std::vector<std::unique_ptr<exec::Pending>> pendings;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Message& m = messages[i];
    if (m.from == group.rank()) {
      buffers[i] = drawn_bytes(step.seed, m.number, m.from, m.bytes);
      pendings.push_back(group.isend(buffers[i], m.to));
    } else if (m.to == group.rank()) {
      buffers[i].resize(m.bytes);
      pendings.push_back(group.irecv(buffers[i], m.from));
    }
  }
  auto own = engine(step.seed, step.number, 100 + group.rank());
  std::shuffle(pendings.begin(), pendings.end(), own);
  for (auto& pending : pendings) pending->wait();
  for (std::size_t i = 0; i < messages.size(); ++i)
    if (messages[i].to == group.rank())
      check(step, "a message", buffers[i],
            drawn_bytes(step.seed, messages[i].number, messages[i].from, messages[i].bytes));
}

/// One after another in one order for all ranks, which needs no buffering.
void messages_in_order(Group& group, Step& step) {
  for (const Message& m : drawn_messages(step, group.size())) {
    const Bytes sent = drawn_bytes(step.seed, m.number, m.from, m.bytes);
    if (m.from == group.rank()) send(group, sent, m.to);
    if (m.to != group.rank()) continue;
    Bytes got(m.bytes);
    recv(group, got, m.from);
    check(step, "a blocking message", got, sent);
  }
}

void tensors(Group& group, Step& step) {
  for (const Message& m : drawn_messages(step, group.size())) {
    if (m.from == group.rank()) send_tensors(group, drawn_tensors(step.seed, m.number, m.from), m.to);
    if (m.to == group.rank())
      expect(recv_tensors(group, m.from) == drawn_tensors(step.seed, m.number, m.from), "a map of tensors differs");
  }
}

void all_reduce(Group& group, Step& step) {
  const DataType type = step.number_type();
  const Reduction reduction = step.reduction();
  const std::size_t count = step.size() / 8;
  Bytes data = drawn_numbers(step.seed, step.number, group.rank(), count, type);
  group.all_reduce(data, type, reduction);
  check(step, "all_reduce", data, reduced(step.seed, step.number, group.size(), count, type, reduction));
}

void reduce_scatter(Group& group, Step& step) {
  const DataType type = step.number_type();
  const Reduction reduction = step.reduction();
  const std::size_t part = step.size() / 32;
  const std::size_t count = part * static_cast<std::size_t>(group.size());
  const Bytes all = drawn_numbers(step.seed, step.number, group.rank(), count, type);
  Bytes mine(all.size() / static_cast<std::size_t>(group.size()));
  group.reduce_scatter(all, mine, type, reduction);
  const Bytes whole = reduced(step.seed, step.number, group.size(), count, type, reduction);
  const auto begin = whole.begin() + static_cast<std::ptrdiff_t>(mine.size()) * group.rank();
  check(step, "reduce_scatter", mine, Bytes(begin, begin + static_cast<std::ptrdiff_t>(mine.size())));
}

Bytes of_all_ranks(const Step& step, int ranks, std::size_t bytes) {
  Bytes out;
  for (int rank = 0; rank < ranks; ++rank) {
    const Bytes part = drawn_bytes(step.seed, step.number, rank, bytes);
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

void all_gather(Group& group, Step& step) {
  const std::size_t bytes = step.size() / 4;
  Bytes all(bytes * static_cast<std::size_t>(group.size()));
  group.all_gather(drawn_bytes(step.seed, step.number, group.rank(), bytes), all);
  check(step, "all_gather", all, of_all_ranks(step, group.size(), bytes));
}

void gather(Group& group, Step& step) {
  const std::size_t bytes = step.size() / 4;
  const int root = step.below(group.size());
  Bytes all(group.rank() == root ? bytes * static_cast<std::size_t>(group.size()) : 0);
  group.gather(drawn_bytes(step.seed, step.number, group.rank(), bytes), all, root);
  if (group.rank() == root) check(step, "gather", all, of_all_ranks(step, group.size(), bytes));
}

void broadcast(Group& group, Step& step) {
  const std::size_t bytes = step.size();
  const int root = step.below(group.size());
  Bytes data = drawn_bytes(step.seed, step.number, group.rank(), bytes);
  group.broadcast(data, root);
  check(step, "broadcast", data, drawn_bytes(step.seed, step.number, root, bytes));
}

}  // namespace

Bytes drawn_bytes(std::uint64_t seed, int step, int rank, std::size_t size) {
  auto random = engine(seed, step, rank);
  std::vector<std::uint64_t> words(size / 8 + 1);
  for (auto& word : words) word = random();
  Bytes out = as_bytes(words);
  out.resize(size);
  return out;
}

Bytes drawn_numbers(std::uint64_t seed, int step, int rank, std::size_t count, DataType type) {
  auto random = engine(seed, step, rank);
  if (type == DataType::int32) {
    std::vector<std::int32_t> out(count);
    for (auto& value : out) value = static_cast<std::int32_t>(random());
    return as_bytes(out);
  }
  if (type == DataType::int64) {
    std::vector<std::int64_t> out(count);
    for (auto& value : out) value = static_cast<std::int64_t>(random());
    return as_bytes(out);
  }
  std::vector<float> out(count);
  std::uniform_real_distribution<float> fraction(-1, 1);
  for (auto& value : out) value = std::ldexp(fraction(random), static_cast<int>(random() % 30));
  return as_bytes(out);
}

Bytes reduced(std::uint64_t seed, int step, int size, std::size_t count, DataType type, Reduction reduction) {
  std::vector<Bytes> of_ranks;
  for (int rank = 0; rank < size; ++rank) of_ranks.push_back(drawn_numbers(seed, step, rank, count, type));
  if (type == DataType::int32) return plainly_reduced<std::int32_t>(of_ranks, reduction);
  if (type == DataType::int64) return plainly_reduced<std::int64_t>(of_ranks, reduction);
  return plainly_reduced<float>(of_ranks, reduction);
}

exec::TensorMap drawn_tensors(std::uint64_t seed, int step, int rank) {
  auto random = engine(seed, step, rank);
  exec::TensorMap out;
  for (std::uint64_t left = random() % 4; left > 0; --left) {
    exec::Tensor tensor;
    tensor.type = static_cast<DataType>(random() % 4);
    std::size_t bytes = tensor.type == DataType::int64 ? 8 : tensor.type == DataType::bytes ? 1 : 4;
    for (std::uint64_t dimensions = random() % 4; dimensions > 0; --dimensions) {
      tensor.shape.push_back(static_cast<std::int64_t>(random() % 6));
      bytes *= static_cast<std::size_t>(tensor.shape.back());
    }
    tensor.data = drawn_bytes(seed, step + static_cast<int>(left), rank, bytes);
    out["tensor " + std::to_string(left)] = tensor;
  }
  return out;
}

void run_drawn_program(Group& group, std::uint64_t seed, int steps) {
  using Call = void (*)(Group&, Step&);
  static constexpr Call calls[] = {messages_at_once, messages_in_order, tensors,
                                   all_reduce,       reduce_scatter,    all_gather,
                                   gather,           broadcast,         [](Group& each, Step&) { each.barrier(); }};
  for (int number = 0; number < steps; ++number) {
    Step step{seed, number, engine(seed, number, -1)};
    calls[step.below(static_cast<int>(std::size(calls)))](group, step);
  }
}

}  // namespace ppplan::tests
