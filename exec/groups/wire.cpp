#include "exec/groups/wire.h"

#include "exec/group.h"

namespace ppplan::exec::groups {

void append_number(std::vector<std::byte>& out, std::int64_t value) {
  auto rest = static_cast<std::uint64_t>(value);
  for (int i = 0; i < 8; ++i, rest >>= 8) out.push_back(static_cast<std::byte>(rest & 0xff));
}

void append_text(std::vector<std::byte>& out, std::string_view text) {
  append_number(out, static_cast<std::int64_t>(text.size()));
  const auto bytes = std::as_bytes(std::span(text));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

std::span<const std::byte> WireReader::take(std::uint64_t count) {
  if (count > rest_.size())
    throw GroupError("a message of a peer ends early: expected " + std::to_string(count) + " more bytes, found " +
                     std::to_string(rest_.size()));
  const auto out = rest_.first(count);
  rest_ = rest_.subspan(count);
  return out;
}

std::int64_t WireReader::number() {
  const auto bytes = take(8);
  std::uint64_t out = 0;
  for (std::size_t i = 8; i-- > 0;) out = out << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  return static_cast<std::int64_t>(out);
}

std::string WireReader::text() {
  const auto bytes = take(static_cast<std::uint64_t>(number()));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace ppplan::exec::groups
