// The sentence of the InputError that an action throws.
#pragma once

#include <string>

#include "planner/input/input_error.h"

namespace ppplan::spec {

/// "" when the action throws nothing.
template <typename Action>
std::string error_text(const Action& action) {
  try {
    action();
  } catch (const input::InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace ppplan::spec
