#include "tests/conformance/Main.h"
#include "tests/support/NativeRunner.h"

int main(int argc, char **argv) {
  return edgecc::conformance::runConformance(
      argc, argv, {"native", [] { return std::make_unique<edgecc::test::NativeExecutor>(); }});
}
