// Training plans for people: tables of at most 80 columns, units on every figure.
#pragma once

#include <string>

#include "planner/search/training_search.h"

namespace ppplan::tools {

/// The whole answer of `search --task train`.
std::string training_text(const search::TrainingResult& result);

}  // namespace ppplan::tools
