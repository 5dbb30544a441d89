// edgecc ops: the supported-ops table, from the declarations.
#include "backends/native/Kernel.h"
#include "driver/Arguments.h"
#include "driver/Console.h"
#include "frontend/onnx/Importer.h"
#include "ir/OpDocs.h"

#include <fmt/format.h>

namespace edgecc::driver {

int opsCommand(int argc, char **argv) {
  CLI::App app("Lists what can be compiled: ONNX operators and the ops of the IR.", "edgecc ops");
  bool markdown = false;
  app.add_flag("--markdown", markdown,
               "the ops of the IR with operands, attributes and constraints, as in docs/ops.md");
  if (auto exit = parseArguments(app, argc, argv))
    return *exit;
  if (markdown) {
    fmt::print("{}", opDocs());
    return kSuccess;
  }
  std::vector<std::string> ops = importableOps();
  fmt::print("{} ONNX operators:\n", ops.size());
  size_t column = 0;
  for (const std::string &op : ops) {
    if (column + op.size() > 96) {
      fmt::print("\n");
      column = 0;
    }
    fmt::print("{}{}", column ? " " : "  ", op);
    column += op.size() + 1;
  }
  fmt::print("\n");
  return kSuccess;
}

} // namespace edgecc::driver
