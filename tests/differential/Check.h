// Runs a graph natively and on the reference backend and compares.
#pragma once

#include "tests/differential/Generator.h"

namespace edgecc::test {

// What is wrong with the graph or its native code; empty if all is well. Checks that the module
// verifies, that native results are within twice the error model's bound of the reference's, and
// that 1, 2 and 3 threads give the same bits.
std::string check(const Graph &graph);

// The same in a process of its own, so that a crash or a hang becomes a message.
std::string checkIsolated(const Graph &graph);

// Drops ops as long as the check still fails: the smallest graph found.
Graph minimize(const Graph &graph);

} // namespace edgecc::test
