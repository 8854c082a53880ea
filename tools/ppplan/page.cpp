#include "tools/ppplan/page.h"

#include "planner/report/html_page.h"

namespace ppplan::tools {

std::string page_of(const SimulatedPhase& predicted, const traces::Timeline* measured, std::string title,
                    std::vector<std::pair<std::string, std::string>> facts) {
  report::PageContent content;
  content.title = std::move(title);
  content.facts = std::move(facts);
  content.schedule = &predicted.schedule;
  content.alone_s = &predicted.alone_s;
  content.predicted = &predicted.timeline;
  content.measured = measured;
  return report::html_page(content);
}

}  // namespace ppplan::tools
