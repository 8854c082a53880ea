// Plans and search results for people: tables of at most 80 columns, units on every figure, and where each came from.
#pragma once

#include <string>

#include "planner/input/document.h"
#include "planner/search/search.h"
#include "planner/spec/plan.h"

namespace ppplan::tools {

/// What was asked, in two lines.
std::string question_text(const spec::Plan& plan);
/// Stage table of one plan: what fills the memory, the margin, the times.
std::string stage_table(const spec::Plan& plan);
/// Predicted figures with their intervals and where they come from.
std::string predicted_text(const spec::Plan& plan);
/// Environment and command, ready to paste.
std::string launch_text(const spec::Plan& plan);
/// Neighbours: what one layer either way does.
std::string neighbours_text(const spec::Plan& plan);
/// Other factorizations with their verdicts and reasons; "" without any.
std::string alternatives_text(const std::vector<search::Alternative>& alternatives);
input::Json to_json(const std::vector<search::Alternative>& alternatives);
/// A line for each reason to prune, which begins with a line's end; "" without any.
std::string pruned_text(const search::Counts& counts);
input::Json to_json(const search::Counts& counts);
/// A line for each warning; "" without any.
std::string warnings_text(const spec::Plan& plan);
/// The whole answer of `search`.
std::string search_text(const search::Result& result);

/// The stage that holds the fewest KV tokens; not always the limiting one, whose margin may lie outside of the budget.
std::size_t fewest_tokens(const spec::Plan& plan);

/// "12.3 GiB", "512 MiB"; negative values keep their sign.
std::string bytes_text(double bytes);

}  // namespace ppplan::tools
