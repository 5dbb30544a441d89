// The subcommands. Each parses its own arguments (argv[0] is the subcommand's name) and returns the
// process's exit code.
#pragma once

#include <string>

namespace edgecc::driver {

// Documented in the man page: scripts rely on them.
enum ExitCode : int {
  kSuccess = 0,
  kDifferent = 1, // run --test-data, diff: outputs differ; verify: the file is damaged
  kUserError = 2, // a mistake in the command line, a file or a model
};

int compileCommand(int argc, char **argv);
int runCommand(int argc, char **argv);
int benchCommand(int argc, char **argv);
int diffCommand(int argc, char **argv);
int inspectCommand(int argc, char **argv);
int verifyCommand(int argc, char **argv);
int optCommand(int argc, char **argv);
int opsCommand(int argc, char **argv);
int exploreCommand(int argc, char **argv);
int shareCommand(int argc, char **argv);

} // namespace edgecc::driver
