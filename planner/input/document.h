// Checked reading of a JSON document: every access names the file and the JSON pointer when it fails.
//
//   Document document = read_document("plan.json");
//   Node root = document.root();
//   root.expect_format("ppplan/plan/", 1);
//   int tp = root.at("parallel").at("tp").count();
//
// A Node is a view: it stays valid while its Document lives and is not moved from.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ppplan::input {

/// Keys keep the order in which they were written, so that documents read as they were composed.
using Json = nlohmann::ordered_json;

class Node {
 public:
  Node(const Json& value, std::string source, std::string pointer);

  /// The member `key`; throws InputError when this is no object or the member is missing.
  Node at(std::string_view key) const;
  /// The member `key`, or nothing when it is missing or null; throws when this is no object.
  std::optional<Node> find(std::string_view key) const;
  /// The elements of an array; throws when this is no array.
  std::vector<Node> items() const;
  /// Keys of an object, in document order.
  std::vector<std::string> keys() const;

  /// A finite number in [low, high].
  double number(double low = std::numeric_limits<double>::lowest(),
                double high = std::numeric_limits<double>::max()) const;
  /// A whole number in [low, high]; 8.0 counts as whole, 8.5 and "8" do not.
  std::int64_t integer(std::int64_t low = std::numeric_limits<std::int64_t>::min(),
                       std::int64_t high = std::numeric_limits<std::int64_t>::max()) const;
  /// A whole number in [low, 2^31 - 1].
  int count(int low = 1) const;
  bool boolean() const;
  std::string text() const;

  bool is_object() const { return value_->is_object(); }
  bool is_array() const { return value_->is_array(); }
  bool is_number() const { return value_->is_number(); }
  bool is_text() const { return value_->is_string(); }
  bool is_null() const { return value_->is_null(); }
  const Json& json() const { return *value_; }
  const std::string& source() const { return source_; }
  const std::string& pointer() const { return pointer_; }

  /// Throws unless `format` is text that starts with `prefix` and goes on with a version in [1, newest].
  void expect_format(std::string_view prefix, int newest) const;
  /// Throws InputError at this place.
  [[noreturn]] void fail(const std::string& expected) const;
  [[noreturn]] void fail(const std::string& expected, const std::string& found) const;

 private:
  const Json* value_;
  std::string source_;
  std::string pointer_;
};

class Document {
 public:
  Document(Json value, std::string source) : value_(std::move(value)), source_(std::move(source)) {}
  Node root() const { return Node(value_, source_, ""); }
  const Json& json() const { return value_; }

 private:
  Json value_;
  std::string source_;
};

/// Parses text; `source` names it in errors. Throws InputError with line and column where it breaks.
Document parse_document(std::string_view text, const std::string& source);
/// Reads and parses a file. Throws InputError when it is missing, a folder, unreadable or not JSON.
Document read_document(const std::string& path);
/// The bytes of a file; throws InputError when it cannot be read.
std::string read_text(const std::string& path);
/// Writes text to a file; throws InputError when the place cannot be written.
void write_text(const std::string& path, std::string_view text);

/// `candidate` of the list nearest to `word` in edit distance (for "did you mean"), or "" when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace ppplan::input
