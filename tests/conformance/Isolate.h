// Runs cases in child processes, so that a crash or an endless loop is one wrong case.
#pragma once

#include "tests/conformance/Case.h"

namespace edgecc::conformance {

// The outcomes of cases[0..n) in order, `jobs` at a time. `run` is called in a child process.
std::vector<Outcome> runIsolated(size_t count, unsigned jobs,
                                 const std::function<Outcome(size_t)> &run);

} // namespace edgecc::conformance
