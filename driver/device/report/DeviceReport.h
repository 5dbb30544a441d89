// The report of a compile for a device: what --report and --report-json write.
#pragma once

#include "driver/device/Budget.h"
#include "driver/device/DeviceFacts.h"
#include "driver/device/report/WhatIf.h"

#include <nlohmann/json_fwd.hpp>

namespace edgecc::driver {

struct DeviceReport {
  const emulator::ProgramT *program = nullptr;
  emulator::RunReport measured; // with its timeline
  std::string input, output;    // files as they were named
  int64_t fileBytes = 0, weightsBytes = 0;
  std::vector<std::pair<std::string, std::string>> settings; // option, value
  std::vector<HostOp> hostOps;
  std::vector<std::string> notes, warnings;
  std::vector<Verdict> budget;
  std::vector<WhatIf> options;  // the model mapped in other ways
  std::vector<WhatIf> machines; // the program on a better machine
  std::vector<std::string> advice;
};

// One file that loads nothing, for screen and paper.
std::string deviceReportAsHtml(const DeviceReport &report);

// docs/devices.md describes it.
nlohmann::json deviceReportAsJson(const DeviceReport &report);

} // namespace edgecc::driver
