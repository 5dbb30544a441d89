// Command-line parsing that all subcommands share.
#pragma once

#include "driver/commands/Commands.h"

#include <CLI/CLI.hpp>
#include <optional>

namespace edgecc::driver {

// The exit code if the process should end now: after --help, or for a mistake.
inline std::optional<int> parseArguments(CLI::App &app, int argc, char **argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError &e) {
    return app.exit(e) == 0 ? kSuccess : kUserError;
  }
}

} // namespace edgecc::driver
