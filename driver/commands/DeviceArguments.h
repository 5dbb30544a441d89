// The options of the compile command for devices.
#pragma once

#include "driver/Arguments.h"
#include "driver/Options.h"

namespace edgecc::driver {

// `budget` is the text of --budget, which checkDeviceArguments parses.
void declareDeviceArguments(CLI::App &app, CompileOptions &options, std::string &budget);

// Fails where an option would be ignored, or asks for what no device has.
Expected<void> checkDeviceArguments(CompileOptions &options, const std::string &budget);

} // namespace edgecc::driver
