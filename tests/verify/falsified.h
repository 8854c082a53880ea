// Mutation tests of claims: every figure of a right document is falsified, one at a time, and has to be found.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "planner/input/document.h"
#include "planner/input/input_error.h"
#include "planner/verify/verify.h"

namespace ppplan::tests {

/// The claims of a document that are false.
inline std::vector<std::string> false_claims(const input::Json& json) {
  std::vector<std::string> out;
  for (const verify::Check& check : verify::verify(input::Document(json, "test.json")))
    if (!check.holds) out.push_back(check.claim + ": " + check.detail);
  return out;
}

/// True when verification tells the document from a right one: a false claim, or a document that can't be one.
inline bool is_found(const input::Json& json) {
  try {
    return !false_claims(json).empty();
  } catch (const input::InputError&) {
    return true;
  }
}

/// JSON pointers of all numbers below `json`.
inline void collect_numbers(const input::Json& json, const std::string& pointer, std::vector<std::string>& out) {
  if (json.is_number()) out.push_back(pointer);
  if (json.is_array())
    for (std::size_t i = 0; i < json.size(); ++i) collect_numbers(json[i], pointer + "/" + std::to_string(i), out);
  if (json.is_object())
    for (const auto& member : json.items()) collect_numbers(member.value(), pointer + "/" + member.key(), out);
}

/// A larger and a smaller number in place of one: changed by `factor`, whole numbers by at least 1.
inline std::vector<input::Json> falsehoods(const input::Json& right, double factor) {
  if (right.is_number_float()) {
    const double value = right.get<double>();
    if (value == 0) return {0.25};
    return {value * factor, value / factor};
  }
  const auto value = right.get<std::int64_t>();
  const auto step =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(std::abs(value)) * (factor - 1)));
  return {value + step, value - step};
}

/// Pointers whose falsification (each number `wanted` accepts) is not found.
inline std::vector<std::string> overlooked(const input::Json& right, double factor,
                                           const std::function<bool(const std::string&)>& wanted) {
  std::vector<std::string> pointers;
  collect_numbers(right, "", pointers);
  std::vector<std::string> out;
  for (const std::string& pointer : pointers) {
    if (!wanted(pointer)) continue;
    const input::Json::json_pointer place(pointer);
    for (const input::Json& falsehood : falsehoods(right.at(place), factor)) {
      input::Json wrong = right;
      wrong.at(place) = falsehood;
      if (!is_found(wrong)) out.push_back(pointer + " = " + falsehood.dump() + " for " + right.at(place).dump());
    }
  }
  return out;
}

/// The document with the value at `pointer` replaced.
inline input::Json with(input::Json json, const std::string& pointer, input::Json value) {
  json[input::Json::json_pointer(pointer)] = std::move(value);
  return json;
}

}  // namespace ppplan::tests
