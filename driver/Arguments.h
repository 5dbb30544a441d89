// Command-line parsing that all subcommands share.
#pragma once

#include "driver/Console.h"
#include "driver/commands/Commands.h"

#include <CLI/CLI.hpp>
#include <optional>

namespace edgecc::driver {

// An option for any number of uses with one value each. (A vector option on its own would also take
// the positional arguments after it.)
template <class T>
CLI::Option *addRepeatable(CLI::App &app, const std::string &name, std::vector<T> &values,
                           const std::string &type, const std::string &help) {
  return app.add_option(name, values, help)->allow_extra_args(false)->type_name(type);
}

// The exit code if the process should end now: after --help, or for a mistake.
inline std::optional<int> parseArguments(CLI::App &app, int argc, char **argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError &e) {
    if (e.get_exit_code() == 0)
      return app.exit(e); // --help, --version
    return report({{e.what(), "", "see " + app.get_name() + " --help"}});
  }
}

} // namespace edgecc::driver
