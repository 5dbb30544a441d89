// The edgecc command.
#include "driver/commands/Commands.h"

#include <cstring>

using namespace edgecc::driver;

int main(int argc, char **argv) {
  struct {
    const char *name;
    int (*run)(int, char **);
  } const commands[] = {
      {"run", runCommand},         {"bench", benchCommand},     {"diff", diffCommand},
      {"inspect", inspectCommand}, {"verify", verifyCommand},   {"opt", optCommand},
      {"ops", opsCommand},         {"explore", exploreCommand}, {"share", shareCommand}};
  if (argc > 1)
    for (const auto &command : commands)
      if (std::strcmp(argv[1], command.name) == 0)
        return command.run(argc - 1, argv + 1);
  return compileCommand(argc, argv);
}
