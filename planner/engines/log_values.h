// Values inside lines of a log: sizes, counts, and the arguments that Python prints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ppplan::engines {

/// A number at the start, after blanks and an opening bracket or quote: "-7.83GiB", "(0.90)", "54,384 tokens" (commas
/// group thousands where three digits follow). Nothing when there is none, or it is not finite.
std::optional<double> leading_number(std::string_view text);
/// The same as a whole number in [0, 2^53]; a fraction is cut off.
std::optional<std::int64_t> leading_count(std::string_view text);
/// A number and its unit in bytes: "8.5107 GB", "20.00 MiB", "448.00 KiB". vLLM prints GB for 2^30 bytes, and PyTorch
/// binary units only, so that every unit is binary here. Nothing without a unit or beyond 2^50 bytes.
std::optional<std::int64_t> leading_size(std::string_view text);
/// The size whose number or unit ends right at `end`: "14.99| GiB for weight", "(71.16 GiB| KV cache is needed".
std::optional<std::int64_t> size_before(std::string_view text, std::size_t end);
/// "[8,8,9,8]" or "16,32": whole numbers of at least 1, at most 10,000 of them; empty when it is no such list.
std::vector<int> leading_list(std::string_view text);
/// The value of `name` in "name=value" or "'name': value", without quotes; nothing when absent or None.
std::optional<std::string> argument(std::string_view text, std::string_view name);

}  // namespace ppplan::engines
