#include "planner/report/html_page.h"

#include "planner/report/html_data.h"

namespace ppplan::report {

/// The page's parts, by file name: tools/report and d3, embedded at build time.
std::string_view embedded_file(std::string_view name);

namespace {

/// The scripts in the order in which they need one another.
constexpr std::string_view scripts[] = {"model.js", "colours.js", "timeline.js", "memory.js", "tables.js", "main.js"};

std::string script_text() {
  std::string out;
  for (const std::string_view name : scripts) out.append(embedded_file(name)).append("\n");
  return out;
}

std::string facts_html(const PageContent& content) {
  std::string out;
  for (const auto& [name, value] : content.facts)
    out += "<div><dt>" + html_escaped(name) + "</dt><dd>" + html_escaped(value) + "</dd></div>";
  return out;
}

/// `@NAME@` of the page's source; nothing where there is no such part.
std::string part(const PageContent& content, std::string_view name) {
  if (name == "TITLE") return html_escaped(content.title);
  if (name == "STYLE") return std::string(embedded_file("page.css"));
  if (name == "FACTS") return facts_html(content);
  if (name == "DATA") return script_escaped(page_data(content).dump());
  if (name == "D3") return std::string(embedded_file("d3.min.js"));
  if (name == "SCRIPT") return script_text();
  return "";
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\'')
      out += "&#39;";
    else
      out += c;
  }
  return out;
}

std::string script_escaped(std::string json) {
  // In JSON these characters stand in strings alone, where an escape says the same.
  std::string out;
  out.reserve(json.size());
  for (const char c : json) {
    if (c == '<')
      out += "\\u003c";
    else if (c == '>')
      out += "\\u003e";
    else if (c == '&')
      out += "\\u0026";
    else
      out += c;
  }
  return out;
}

std::string html_page(const PageContent& content) {
  std::string_view source = embedded_file("page.html");
  std::string out;
  for (;;) {
    const auto open = source.find('@');
    out += source.substr(0, open);
    if (open == source.npos) return out;
    const auto close = source.find('@', open + 1);
    out += part(content, source.substr(open + 1, close - open - 1));
    source.remove_prefix(close + 1);
  }
}

}  // namespace ppplan::report
