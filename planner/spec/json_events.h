// JSON read value by value, for documents too large to hold as a tree: nothing is kept but the place of the value at
// hand. Ordered trees look through all keys of an object for each new one, which a checkpoint's 90 000 names would
// make minutes of.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "planner/input/document.h"

namespace ppplan::spec {

/// Throws InputError with the JSON pointer of the place: text that is no JSON, values nested deeper than
/// deepest_nesting, keys longer than longest_key.
class JsonEvents : public input::Json::json_sax_t {
 public:
  static constexpr std::size_t deepest_nesting = 16;
  static constexpr std::size_t longest_key = 1000;  // bytes

  explicit JsonEvents(std::string source) : source_(std::move(source)) {}
  /// All of `text`, which must be one JSON value.
  void read(std::string_view text);

  bool null() final;
  bool boolean(bool value) final;
  bool number_integer(number_integer_t value) final;
  bool number_unsigned(number_unsigned_t value) final;
  bool number_float(number_float_t value, const string_t& text) final;
  bool string(string_t& value) final;
  bool binary(binary_t& value) final;
  bool start_object(std::size_t size) final;
  bool start_array(std::size_t size) final;
  bool key(string_t& value) final;
  bool end_object() final;
  bool end_array() final;
  bool parse_error(std::size_t byte, const std::string& token, const nlohmann::detail::exception& error) final;

 protected:
  /// A number, text, boolean or null.
  virtual void scalar(const input::Json& value) = 0;
  /// An object or array (empty, its members follow) begins; depth() does not count it yet.
  virtual void opened(const input::Json& kind) = 0;
  /// It ended; depth() no longer counts it.
  virtual void closed() = 0;

  /// Objects and arrays around the value at hand.
  std::size_t depth() const { return levels_.size(); }
  /// The key of the value at hand in the object at `level` < depth(), 0 being the outermost; "" in an array.
  const std::string& key_at(std::size_t level) const { return levels_[level].key; }
  /// A value at the present place, to be checked; it must outlive the Node.
  input::Node here(const input::Json& value) const { return input::Node(value, source_, pointer()); }
  const std::string& source() const { return source_; }

 private:
  struct Level {
    bool array = false;
    std::string key;
    std::size_t index = 0;  // of the next element
  };

  bool value(const input::Json& value);
  bool open(const input::Json& kind);
  bool close();
  std::string pointer() const;

  std::string source_;
  std::vector<Level> levels_;
};

}  // namespace ppplan::spec
