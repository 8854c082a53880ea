// Damaged documents are verified or refused, never anything else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/input/input_error.h"
#include "tests/input/damage.h"
#include "tests/verify/documents.h"
#include "tests/verify/falsified.h"

namespace ppplan {
namespace {

using testing::HasSubstr;

TEST(VerifyFuzz, DamagedDocumentsAreVerifiedOrRefused) {
  tests::Random random(71);
  int verified = 0;
  int refused = 0;
  for (const auto& right : tests::all_documents())
    for (int round = 0; round < 300; ++round) {
      input::Json json = right;
      for (std::size_t times = 1 + tests::below(3, random); times > 0; --times) tests::damage(json, random);
      try {
        verify::verify(input::Document(json, "fuzz"));
        ++verified;
      } catch (const input::InputError&) {
        ++refused;
      }
    }
  EXPECT_GT(verified, 100);
  EXPECT_GT(refused, 100);
}

TEST(Verify, RefusesKindsItDoesNotKnow) {
  try {
    verify::verify(input::parse_document(R"({"format":"ppplan/serving/1"})", "a.json"));
    FAIL() << "no error";
  } catch (const input::InputError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("a.json: /format: expected \"ppplan/KIND/1\", KIND one of plan, check, training-plan, search"));
  }
  EXPECT_THROW(verify::verify(input::parse_document(R"({"format":"ppplan/plan/2"})", "a")), input::InputError);
  EXPECT_THROW(verify::verify(input::parse_document("[]", "a")), input::InputError);
}

TEST(Verify, SameDocumentSameAnswer) {
  for (const auto& json : tests::all_documents()) {
    const input::Document document(json, "a");
    EXPECT_EQ(verify::verify(document), verify::verify(document));
  }
}

}  // namespace
}  // namespace ppplan
