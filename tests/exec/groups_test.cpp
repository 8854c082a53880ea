// Every way of connecting ranks on this machine passes the shared suite.
#include "tests/exec/group_suite.h"
#include "tests/exec/tcp_launch.h"

namespace ppplan::tests {
namespace {

INSTANTIATE_TEST_SUITE_P(Groups, GroupSuite,
                         testing::Values(thread_launch(), tcp_thread_launch(), tcp_process_launch()), launch_name);

}  // namespace
}  // namespace ppplan::tests
