// What a device program costs, for scripts.
#pragma once

#include "runtime/emulator/Emulator.h"

#include <nlohmann/json_fwd.hpp>

namespace edgecc::driver {

// latency_ms, fps, streams or batch, contexts, bottleneck, energy_mj, bytes_per_frame by memory,
// engines, and one entry for each layer.
nlohmann::json deviceJson(const emulator::ProgramT &program, const emulator::RunReport &report);

} // namespace edgecc::driver
