#include "backends/reference/ReferenceExecutor.h"
#include "tests/conformance/Main.h"

int main(int argc, char **argv) {
  return edgecc::conformance::runConformance(
      argc, argv, {"reference", [] { return std::make_unique<edgecc::ReferenceExecutor>(); }});
}
