#include "exec/group.h"

#include <limits>

#include "exec/groups/reduce.h"
#include "exec/groups/wire.h"

namespace ppplan::exec {
namespace {

constexpr std::int64_t most_metadata_bytes = 64 << 20;
constexpr std::int64_t most_dimensions = 64;

/// A send of a message made for it, which lives until the send has ended.
class OwningSend : public Pending {
 public:
  OwningSend(Group& group, std::vector<std::byte> message, int to)
      : message_(std::move(message)), pending_(group.isend(message_, to)) {}
  void wait() override { pending_->wait(); }

 private:
  std::vector<std::byte> message_;
  std::unique_ptr<Pending> pending_;  // destroyed first, and so waited for
};

/// Bytes of an array; throws GroupError for a shape of no array.
std::size_t bytes_of(const std::string& name, DataType type, const std::vector<std::int64_t>& shape) {
  auto bytes = static_cast<std::int64_t>(groups::element_bytes(type));
  for (std::int64_t extent : shape) {
    if (extent < 0) throw GroupError("tensor " + name + " has the extent " + std::to_string(extent));
    if (extent > 0 && bytes > std::numeric_limits<std::int64_t>::max() / extent)
      throw GroupError("tensor " + name + " has more bytes than can be counted");
    bytes *= extent;
  }
  return static_cast<std::size_t>(bytes);
}

std::vector<std::byte> metadata_of(const TensorMap& tensors) {
  std::vector<std::byte> out;
  groups::append_number(out, static_cast<std::int64_t>(tensors.size()));
  for (const auto& [name, tensor] : tensors) {
    const std::size_t bytes = bytes_of(name, tensor.type, tensor.shape);
    if (bytes != tensor.data.size())
      throw GroupError("tensor " + name + " holds " + std::to_string(tensor.data.size()) + " bytes, its shape " +
                       std::to_string(bytes));
    groups::append_text(out, name);
    groups::append_number(out, static_cast<std::int64_t>(tensor.type));
    groups::append_number(out, static_cast<std::int64_t>(tensor.shape.size()));
    for (std::int64_t extent : tensor.shape) groups::append_number(out, extent);
  }
  return out;
}

Tensor read_tensor(groups::WireReader& reader, const std::string& name) {
  Tensor out;
  const std::int64_t type = reader.number();
  if (type < 0 || type > static_cast<std::int64_t>(DataType::bytes))
    throw GroupError("tensor " + name + " has an unknown type " + std::to_string(type));
  out.type = static_cast<DataType>(type);
  const std::int64_t dimensions = reader.number();
  if (dimensions < 0 || dimensions > most_dimensions)
    throw GroupError("tensor " + name + " has " + std::to_string(dimensions) + " dimensions");
  for (std::int64_t i = 0; i < dimensions; ++i) out.shape.push_back(reader.number());
  out.data.resize(bytes_of(name, out.type, out.shape));
  return out;
}

/// The map that the metadata tells of, its data still zero.
TensorMap empty_tensors(std::span<const std::byte> metadata) {
  TensorMap out;
  groups::WireReader reader(metadata);
  const std::int64_t count = reader.number();
  for (std::int64_t i = 0; i < count; ++i) {
    std::string name = reader.text();
    Tensor tensor = read_tensor(reader, name);
    out.emplace(std::move(name), std::move(tensor));
  }
  return out;
}

std::vector<std::byte> received(Group& group, std::size_t bytes, int from) {
  std::vector<std::byte> out(bytes);
  recv(group, out, from);
  return out;
}

}  // namespace

void send(Group& group, std::span<const std::byte> data, int to) { group.isend(data, to)->wait(); }
void recv(Group& group, std::span<std::byte> data, int from) { group.irecv(data, from)->wait(); }

void send_tensors(Group& group, const TensorMap& tensors, int to) {
  for (auto& pending : isend_tensors(group, tensors, to)) pending->wait();
}

std::vector<std::unique_ptr<Pending>> isend_tensors(Group& group, const TensorMap& tensors, int to) {
  std::vector<std::byte> metadata = metadata_of(tensors);
  std::vector<std::byte> length;
  groups::append_number(length, static_cast<std::int64_t>(metadata.size()));
  std::vector<std::unique_ptr<Pending>> out;
  out.push_back(std::make_unique<OwningSend>(group, std::move(length), to));
  out.push_back(std::make_unique<OwningSend>(group, std::move(metadata), to));
  for (const auto& [name, tensor] : tensors) out.push_back(group.isend(tensor.data, to));
  return out;
}

TensorMap recv_tensors(Group& group, int from) {
  const std::int64_t length = groups::WireReader(received(group, 8, from)).number();
  if (length < 0 || length > most_metadata_bytes)
    throw GroupError(group.name() + ": rank " + std::to_string(group.rank()) + " awaited a map of tensors from rank " +
                     std::to_string(from) + " and got another message");
  TensorMap out = empty_tensors(received(group, static_cast<std::size_t>(length), from));
  for (auto& [name, tensor] : out) recv(group, tensor.data, from);
  return out;
}

int next_rank(const Group& group) { return (group.rank() + 1) % group.size(); }
int previous_rank(const Group& group) { return (group.rank() + group.size() - 1) % group.size(); }

}  // namespace ppplan::exec
