#include "planner/verify/verify.h"

#include <array>
#include <string_view>

#include "planner/verify/claims.h"

namespace ppplan::verify {
namespace {

struct Kind {
  std::string_view name;
  Checks (*claims)(const input::Node&);
};

constexpr std::array<Kind, 10> kinds = {{{"plan", plan_claims},
                                        {"check", check_claims},
                                        {"training-plan", training_claims},
                                        {"search", search_claims},
                                        {"timeline", timeline_claims},
                                        {"schedule", schedule_claims},
                                        {"report", report_claims},
                                        {"run", run_claims},
                                        {"profile", profile_claims},
                                        {"cluster", cluster_claims}}};

}  // namespace

std::vector<Check> verify(const input::Document& document) {
  const input::Node root = document.root();
  const std::string format = root.at("format").text();
  std::string known;
  for (const Kind& kind : kinds) {
    const std::string prefix = std::string("ppplan/").append(kind.name).append("/");
    if (format.starts_with(prefix)) {
      root.expect_format(prefix, 1);
      return kind.claims(root);
    }
    known.append(known.empty() ? "" : ", ").append(kind.name);
  }
  root.at("format").fail("\"ppplan/KIND/1\", KIND one of " + known);
}

}  // namespace ppplan::verify
