// How far apart two words are, for "did you mean" (nearest in document.h).
#pragma once

#include <cstddef>
#include <string_view>

namespace ppplan::input {

/// Insertions, deletions and replacements that turn one text into the other; `most` + 1 when they are more than `most`.
/// Time grows with the shorter text times `most`.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most);

}  // namespace ppplan::input
