// What a plan lacks, in words: which stage, how much, for what.
#pragma once

#include <cstdint>
#include <string>

#include "planner/spec/plan.h"

namespace ppplan::search {

/// Smallest margin over the stages of a plan whose memory was assessed.
std::int64_t least_margin_bytes(const spec::Plan& plan);
/// "stage 3 is short 4.1 GiB for the KV cache of one request of 8192 tokens"; "" when no margin is negative.
std::string shortage_text(const spec::Plan& plan);
/// "4.1 GiB", "512 MiB"
std::string bytes_text(std::int64_t bytes);

}  // namespace ppplan::search
