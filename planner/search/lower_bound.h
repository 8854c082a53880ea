// A bound from below on the bottleneck, from two thoughts that ignore integrality and caps.
//
//   mean          for any weight w >= 0 per block, with c[k] = min over blocks of row k / w, stage s does at most
//                 (T - fixed[s]) / c[kind] of the weight, so T >= (sum w + sum fixed[s] / c[s]) / sum 1 / c[s]; exact
//                 in the limit for rows that are multiples of w. Taken with w = the first row and w = the smallest row.
//   single block  the heaviest block on the stage that suits it best; the lightest block on every stage.
#pragma once

#include "planner/search/block_table.h"

namespace ppplan::search {

double lower_bound_s(const BlockTable& table);

}  // namespace ppplan::search
