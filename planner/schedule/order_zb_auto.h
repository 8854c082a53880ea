// The greedy simulations behind zb-auto and zb-v (searched_order.h): one variant each.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/schedule/rank_clocks.h"

namespace ppplan::schedule {

struct ZbAutoVariant {
  bool bubble_before_first_input = false;  // fewer warm-up forwards rather than one that delays the first gradient
  bool inputs_first = false;               // leave out a forward that would delay an input gradient
  bool weights_in_short_waits = true;      // put a weight gradient into a wait it does not fit in, whoever waits
};
inline constexpr int zb_auto_variants = 8;
ZbAutoVariant zb_auto_variant(int index);
std::string name(const ZbAutoVariant& variant);

/// One stage a rank; `clocks` new. Needs room for one micro-batch on every rank.
void zb_auto(RankClocks& clocks, const ZbAutoVariant& variant);

struct ZbVVariant {
  bool fill_before_forwards = true;  // weight gradients into waits of forwards that they do not fit in
  bool fill_before_inputs = true;    // and of the first stages' input gradients
  std::vector<double> known_idle_s;  // [rank] of an earlier pass: ranks that waited less then may wait longer now
};

/// Two stages a rank in the shape of a V; `clocks` new. False where the rule finds no way on; the clocks are then of
/// no use.
bool zb_v(RankClocks& clocks, const ZbVVariant& variant);

}  // namespace ppplan::schedule
