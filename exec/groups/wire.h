// Numbers and texts as bytes, for what ranks tell each other: a number is 8 bytes, lowest first, a text its length and
// its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ppplan::exec::groups {

void append_number(std::vector<std::byte>& out, std::int64_t value);
void append_text(std::vector<std::byte>& out, std::string_view text);

/// Reads what was appended. What a peer sent is not trusted: every read throws GroupError where the bytes end early.
class WireReader {
 public:
  explicit WireReader(std::span<const std::byte> bytes) : rest_(bytes) {}
  std::int64_t number();
  std::string text();
  bool at_end() const { return rest_.empty(); }

 private:
  std::span<const std::byte> take(std::uint64_t count);
  std::span<const std::byte> rest_;
};

}  // namespace ppplan::exec::groups
