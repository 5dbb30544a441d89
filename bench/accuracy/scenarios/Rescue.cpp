#include "bench/accuracy/Statistics.h"
#include "bench/accuracy/scenarios/Scenarios.h"
#include "bench/accuracy/score/Scores.h"
#include "driver/Load.h"

namespace edgecc::bench {

Expected<Tables> runRescue(const Workbench &) {
  return error("waits for the scrambling of channels");
}

} // namespace edgecc::bench
