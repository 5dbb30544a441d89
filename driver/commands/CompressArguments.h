// The options of the compile command that make a model smaller and faster.
#pragma once

#include "driver/Arguments.h"
#include "driver/Options.h"

namespace edgecc::driver {

void declareCompressArguments(CLI::App &app, CompressOptions &options);

// Fails where an option would be ignored for lack of another; `passes`: as given by --passes.
Expected<void> checkCompressArguments(const CompressOptions &options, const std::string &passes);

} // namespace edgecc::driver
