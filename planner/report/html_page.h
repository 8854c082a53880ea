// A run as one HTML page that needs nothing else: its timeline, memory, idle causes and bound, drawn in the browser by
// the scripts of tools/report over d3. Predicted and measured share one time axis.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "planner/report/bubble_report.h"
#include "planner/schedule/schedule.h"
#include "traces/timeline.h"

namespace ppplan::report {

struct PageContent {
  std::string title;                                       // "llama70b, prefill"
  std::vector<std::pair<std::string, std::string>> facts;  // what was asked: "partition", "20,20,20,20"
  const schedule::Schedule* schedule = nullptr;
  const std::vector<double>* alone_s = nullptr;  // [op], for the bound
  ActivationCosts activations;
  const traces::Timeline* predicted = nullptr;
  const traces::Timeline* measured = nullptr;  // or none
};

/// Text of `content` may hold anything: it is escaped. Throws InputError as bubble_report does.
std::string html_page(const PageContent& content);

/// `text` between tags or quotes of HTML.
std::string html_escaped(std::string_view text);
/// A JSON text as the content of a <script> element: nothing in it can end the element.
std::string script_escaped(std::string json);

}  // namespace ppplan::report
