// Runs the ppplan program and keeps what it printed and how it ended.
#pragma once

#include <string>

namespace ppplan::tests {

struct Outcome {
  int status = -1;  // exit status; -1 when a signal ended it
  std::string out;
  std::string err;
};

/// `arguments` as a shell would read them.
Outcome ppplan(const std::string& arguments);

/// A folder of this test's own, removed at the end of the program.
std::string scratch(const std::string& file);

}  // namespace ppplan::tests
