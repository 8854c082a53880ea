// Every (tp, pp, dp) with tp * pp * dp devices, and why some are impossible.
//
// All devices first, then fewer of them (the first ones in the given order): every smaller number for up to 8 devices
// or when a part is pinned, the divisors of the number otherwise. A tensor-parallel group lies on equal cards inside
// one node.
#pragma once

#include <string>
#include <vector>

#include "planner/search/question.h"

namespace ppplan::search {

struct Factorization {
  spec::Parallel parallel;
  std::string kind;    // of fault, for counting: "heads not divisible by TP"; "" when it is possible
  std::string reason;  // "TP 6: 64 attention heads are not divisible by 6"
  int size() const { return parallel.tp * parallel.pp * parallel.dp; }
};

/// In order of falling device count, then tp, then pp. Pinned parts leave out what differs. Throws InputError when
/// parts are pinned and nothing possible is left.
std::vector<Factorization> factorizations(const Question& question);

}  // namespace ppplan::search
