// Python's int(text) for base 10, on UTF-8.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ppplan::engines {

/// The value, or nothing where Python raises ValueError (malformed UTF-8 included). Blanks around the number, one sign,
/// and single underscores between digits are allowed; digits are those of any script (Unicode 14 category Nd); more
/// than 4300 of them are refused, as CPython does since 3.11. Values beyond +-10^15 are returned as that limit.
std::optional<std::int64_t> python_int(std::string_view text);

}  // namespace ppplan::engines
