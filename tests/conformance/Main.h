// The runner's command line, the same for every backend.
#pragma once

#include "tests/conformance/Case.h"

namespace edgecc::conformance {

struct Backend {
  const char *name;
  Runner run;
};

// Exit status: 0 when there is no error, 1 when there is, 77 when there is no data (a failure
// where the environment sets CI=true).
int runConformance(int argc, char **argv, const Backend &backend);

} // namespace edgecc::conformance
