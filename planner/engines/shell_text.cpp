#include "planner/engines/shell_text.h"

#include <algorithm>
#include <cctype>

namespace ppplan::engines {
namespace {

constexpr std::size_t longest_text = 256 * 1024;
/// Variables in variables could double a word with every line.
constexpr std::size_t longest_word = 64 * 1024;

bool in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool is_name(std::string_view name) {
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::all_of(name.begin(), name.end(), in_name);
}

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text.substr(0, longest_text)) {
    if (text.size() > longest_text) out_.warnings.push_back("the text is cut off after 256 KiB");
  }

  ShellText read() {
    while (!rest_.empty()) step();
    end_command();
    return std::move(out_);
  }

 private:
  void step() {
    const char c = take();
    if (c == '\\')
      escaped(false);
    else if (c == '\'')
      single_quoted();
    else if (c == '"')
      double_quoted();
    else if (c == '$')
      variable();
    else if (c == '#' && !in_word_)
      rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
    else if (c == '\n' || c == ';' || c == '|' || c == '&')
      end_command();
    else if (std::isspace(static_cast<unsigned char>(c)) != 0)
      end_word();
    else
      add(c);
  }

  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  void add(char c) {
    in_word_ = true;
    if (word_.size() < longest_word) word_ += c;
  }

  void add(std::string_view text) {
    for (char c : text) add(c);
  }

  /// After a backslash. A line's end disappears; so does the carriage return before it.
  void escaped(bool quoted) {
    if (rest_.starts_with("\r\n")) rest_.remove_prefix(1);
    if (rest_.empty()) return add('\\');
    const char c = take();
    if (c == '\n') return;
    if (quoted && std::string_view("$`\"\\").find(c) == std::string_view::npos) add('\\');
    add(c);
  }

  void single_quoted() {
    in_word_ = quoted_ = true;
    const std::size_t end = rest_.find('\'');
    if (end == std::string_view::npos) unended('\'');
    add(rest_.substr(0, end));
    rest_.remove_prefix(std::min(end, rest_.size() - 1) + 1);
  }

  void double_quoted() {
    in_word_ = quoted_ = true;
    while (!rest_.empty()) {
      const char c = take();
      if (c == '"') return;
      if (c == '\\')
        escaped(true);
      else if (c == '$')
        variable();
      else
        add(c);
    }
    unended('"');
  }

  void unended(char quote) { out_.warnings.push_back(std::string("a quote (") + quote + ") has no end"); }

  /// After a dollar sign.
  void variable() {
    const bool braced = rest_.starts_with('{');
    std::string_view after = rest_.substr(braced ? 1 : 0);
    const auto length = static_cast<std::size_t>(std::find_if_not(after.begin(), after.end(), in_name) - after.begin());
    const std::string name(after.substr(0, length));
    after.remove_prefix(length);
    const auto known = out_.variables.find(name);
    if (known == out_.variables.end() || (braced && !after.starts_with('}'))) return add('$');
    add(known->second);
    rest_ = after.substr(braced ? 1 : 0);
  }

  void end_word() {
    const bool prompt = words_.empty() && word_ == "$" && !quoted_;
    if (in_word_ && !prompt) words_.push_back(word_);
    word_.clear();
    in_word_ = quoted_ = false;
  }

  void end_command() {
    end_word();
    if (words_.empty()) return;
    remember_variables();
    out_.commands.push_back(std::move(words_));
    words_.clear();
  }

  /// A command of assignments alone, or `export` of some.
  void remember_variables() {
    const std::size_t first = words_[0] == "export" ? 1 : 0;
    const bool all = std::all_of(words_.begin() + static_cast<std::ptrdiff_t>(first), words_.end(), is_assignment);
    if (!all) return;
    for (std::size_t i = first; i < words_.size(); ++i) {
      const std::size_t sign = words_[i].find('=');
      out_.variables[words_[i].substr(0, sign)] = words_[i].substr(sign + 1);
    }
  }

  std::string_view rest_;
  std::string word_;
  bool in_word_ = false;
  bool quoted_ = false;
  std::vector<std::string> words_;
  ShellText out_;
};

}  // namespace

std::string shell_quoted(const std::string& word) {
  static const std::string plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string out = "'";
  for (char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

ShellText read_shell(std::string_view text) { return Reader(text).read(); }

bool is_assignment(const std::string& word) {
  return is_name(std::string_view(word).substr(0, word.find('='))) && word.find('=') != std::string::npos;
}

}  // namespace ppplan::engines
