#include "planner/input/input_error.h"

namespace ppplan::input {
namespace {

std::string sentence(const std::string& source, const std::string& place, const std::string& expected,
                     const std::string& found) {
  return source + ": " + (place.empty() ? "" : place + ": ") + "expected " + expected + ", found " + found;
}

}  // namespace

InputError::InputError(const std::string& source, const std::string& place, const std::string& expected,
                       const std::string& found)
    : std::runtime_error(sentence(source, place, expected, found)) {}

}  // namespace ppplan::input
