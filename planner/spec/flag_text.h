// Pieces of flag values: lists, key=value pairs, counts, and names that are not known.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace ppplan::spec {

/// Items between separators; an empty text is one empty item, as is what follows a trailing separator.
std::vector<std::string> split(const std::string& text, char separator);
/// "key=value"; throws InputError when there is no '=' or nothing before it.
std::pair<std::string, std::string> key_and_value(const std::string& text, const std::string& flag);
/// Decimal digits only, in [low, high]; throws InputError otherwise.
int whole_number(const std::string& text, int low, int high, const std::string& flag, const std::string& expected);
/// '"h10-sxm" (did you mean "h100-sxm"?)': an unknown word and the shortest known one that holds it, else the nearest.
std::string quoted_with_hint(const std::string& word, const std::vector<std::string>& known);

}  // namespace ppplan::spec
