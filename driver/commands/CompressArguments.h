// The options of the compile command that make a model smaller and faster.
#pragma once

#include "driver/Arguments.h"
#include "driver/Options.h"

namespace edgecc::driver {

void declareCompressArguments(CLI::App &app, CompressOptions &options);

} // namespace edgecc::driver
