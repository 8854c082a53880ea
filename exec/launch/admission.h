// The ranks of a job make sure that they run the same thing before they start.
#pragma once

#include <cstdint>
#include <string>

#include "exec/group.h"

namespace ppplan::exec::launch {

/// A number that texts share only when they are equal, but for chance: 64-bit FNV-1a (Fowler, Noll, Vo).
std::uint64_t text_hash(std::string_view text);

/// Every rank of the group calls it with the hash of what it is to run and why it can't ("" when it can; the first 500
/// bytes count). Throws the same GroupError on every rank when one can't, or runs something else than rank 0.
void admit(Group& group, std::uint64_t hash, const std::string& fault);

}  // namespace ppplan::exec::launch
