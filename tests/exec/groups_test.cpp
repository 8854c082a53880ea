// Every way of connecting ranks on this machine passes the shared suite.
#include "tests/exec/group_suite.h"

namespace ppplan::tests {
namespace {

INSTANTIATE_TEST_SUITE_P(Groups, GroupSuite, testing::Values(thread_launch()), launch_name);

}  // namespace
}  // namespace ppplan::tests
