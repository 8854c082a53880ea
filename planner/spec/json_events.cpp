#include "planner/spec/json_events.h"

#include "planner/input/input_error.h"

namespace ppplan::spec {

using input::InputError;
using input::Json;

void JsonEvents::read(std::string_view text) {
  levels_.clear();
  Json::sax_parse(text, this);
}

bool JsonEvents::null() { return value(nullptr); }
bool JsonEvents::boolean(bool value) { return this->value(value); }
bool JsonEvents::number_integer(number_integer_t value) { return this->value(value); }
bool JsonEvents::number_unsigned(number_unsigned_t value) { return this->value(value); }
bool JsonEvents::number_float(number_float_t value, const string_t&) { return this->value(value); }
bool JsonEvents::string(string_t& value) { return this->value(value); }
bool JsonEvents::binary(binary_t&) { return value(nullptr); }  // JSON as text has none
bool JsonEvents::start_object(std::size_t) { return open(Json::object()); }
bool JsonEvents::start_array(std::size_t) { return open(Json::array()); }
bool JsonEvents::end_object() { return close(); }
bool JsonEvents::end_array() { return close(); }

bool JsonEvents::key(string_t& value) {
  levels_.back().key.clear();  // a key too long is no part of its own error
  if (value.size() > longest_key)
    here(nullptr).fail("names of at most " + std::to_string(longest_key) + " bytes",
                       "one of " + std::to_string(value.size()));
  levels_.back().key = value;
  return true;
}

bool JsonEvents::parse_error(std::size_t byte, const std::string&, const nlohmann::detail::exception&) {
  throw InputError(source_, "byte " + std::to_string(byte) + " of the JSON", "JSON", "something else");
}

bool JsonEvents::value(const Json& value) {
  scalar(value);
  if (!levels_.empty()) ++levels_.back().index;
  return true;
}

bool JsonEvents::open(const Json& kind) {
  if (depth() == deepest_nesting)
    here(kind).fail("values nested at most " + std::to_string(deepest_nesting) + " deep", "deeper ones");
  opened(kind);
  levels_.push_back({kind.is_array(), "", 0});
  return true;
}

bool JsonEvents::close() {
  levels_.pop_back();
  closed();
  if (!levels_.empty()) ++levels_.back().index;
  return true;
}

std::string JsonEvents::pointer() const {
  Json::json_pointer out;
  for (const Level& level : levels_) out.push_back(level.array ? std::to_string(level.index) : level.key);
  return out.to_string();
}

}  // namespace ppplan::spec
