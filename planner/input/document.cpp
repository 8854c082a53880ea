#include "planner/input/document.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <sstream>

#include "planner/input/input_error.h"

namespace ppplan::input {
namespace {

std::string shortened(const std::string& text) {
  constexpr std::size_t longest = 60;
  if (text.size() <= longest) return text;
  std::size_t end = longest;  // not inside of a UTF-8 sequence
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::string described(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array of " + std::to_string(value.size());
  return shortened(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

/// RFC 6901: '~' and '/' inside a key are written ~0 and ~1.
std::string escaped(std::string_view key) {
  std::string out;
  for (char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

std::string plain(double value) {
  std::ostringstream out;
  out << std::setprecision(15) << value;
  return out.str();
}

std::string range(const std::string& what, double low, double high) {
  if (low > std::numeric_limits<double>::lowest() && high < std::numeric_limits<double>::max())
    return what + " from " + plain(low) + " to " + plain(high);
  if (low > std::numeric_limits<double>::lowest()) return what + " of at least " + plain(low);
  if (high < std::numeric_limits<double>::max()) return what + " of at most " + plain(high);
  return what;
}

std::string position(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, byte > 0 ? byte - 1 : 0);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto last = before.rfind('\n');
  const auto column = before.size() - (last == std::string_view::npos ? 0 : last + 1) + 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

}  // namespace

Node::Node(const Json& value, std::string source, std::string pointer)
    : value_(&value), source_(std::move(source)), pointer_(std::move(pointer)) {}

Node Node::at(std::string_view key) const {
  if (!value_->is_object()) fail("an object with '" + std::string(key) + "'");
  const auto found = value_->find(std::string(key));
  if (found == value_->end()) fail("a member '" + std::string(key) + "'", "none");
  return Node(*found, source_, pointer_ + "/" + escaped(key));
}

std::optional<Node> Node::find(std::string_view key) const {
  if (!value_->is_object()) fail("an object");
  const auto found = value_->find(std::string(key));
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return Node(*found, source_, pointer_ + "/" + escaped(key));
}

std::vector<Node> Node::items() const {
  if (!value_->is_array()) fail("an array");
  std::vector<Node> out;
  out.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i)
    out.emplace_back((*value_)[i], source_, pointer_ + "/" + std::to_string(i));
  return out;
}

std::vector<std::string> Node::keys() const {
  if (!value_->is_object()) fail("an object");
  std::vector<std::string> out;
  for (const auto& item : value_->items()) out.push_back(item.key());
  return out;
}

double Node::number(double low, double high) const {
  const std::string expected = range("a number", low, high);
  if (!value_->is_number()) fail(expected);
  const double value = value_->get<double>();
  if (!std::isfinite(value) || value < low || value > high) fail(expected);
  return value;
}

std::int64_t Node::integer(std::int64_t low, std::int64_t high) const {
  const bool bounded = low > std::numeric_limits<std::int64_t>::min();
  const bool capped = high < std::numeric_limits<std::int64_t>::max();
  const std::string expected =
      range("a whole number", bounded ? static_cast<double>(low) : std::numeric_limits<double>::lowest(),
            capped ? static_cast<double>(high) : std::numeric_limits<double>::max());
  if (!value_->is_number()) fail(expected);
  if (value_->is_number_unsigned() && (high < 0 || value_->get<std::uint64_t>() > static_cast<std::uint64_t>(high)))
    fail(expected);
  if (value_->is_number_float()) {
    const double value = value_->get<double>();
    if (std::abs(value) > 9e15 || value != std::floor(value)) fail(expected);
  }
  const auto value = value_->get<std::int64_t>();
  if (value < low || value > high) fail(expected);
  return value;
}

int Node::count(int low) const { return static_cast<int>(integer(low, std::numeric_limits<int>::max())); }

bool Node::boolean() const {
  if (!value_->is_boolean()) fail("true or false");
  return value_->get<bool>();
}

std::string Node::text() const {
  if (!value_->is_string()) fail("text");
  return value_->get<std::string>();
}

void Node::expect_format(std::string_view prefix, int newest) const {
  const Node format = at("format");
  const std::string found = format.text();
  const std::string expected = std::string("\"").append(prefix).append("1\"");
  if (!found.starts_with(prefix)) format.fail(expected);
  const std::string version = found.substr(prefix.size());
  for (int v = 1; v <= newest; ++v)
    if (version == std::to_string(v)) return;
  format.fail(expected);
}

void Node::fail(const std::string& expected) const { fail(expected, described(*value_)); }

void Node::fail(const std::string& expected, const std::string& found) const {
  throw InputError(source_, pointer_, expected, found);
}

Document parse_document(std::string_view text, const std::string& source) {
  try {
    return Document(Json::parse(text), source);
  } catch (const Json::parse_error& error) {
    const bool ended = error.byte > text.size();
    throw InputError(source, position(text, error.byte), "JSON", ended ? "the end of the text" : "something else");
  } catch (const Json::exception&) {  // syntactically JSON, but a number of it has no double
    throw InputError(source, "", "JSON with numbers up to 1.8e308", "a larger one");
  }
}

Document read_document(const std::string& path) { return parse_document(read_text(path), path); }

std::string read_text(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) throw InputError(path, "", "a file", "none of that name");
  if (std::filesystem::is_directory(path, ignored)) throw InputError(path, "", "a file", "a folder");
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  if (!in) throw InputError(path, "", "a readable file", "one that cannot be read");
  return out.str();
}

void write_text(const std::string& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (!out) throw InputError(path, "", "a place that can be written", "one that cannot");
}

}  // namespace ppplan::input
