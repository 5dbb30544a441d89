#include "backends/reference/ReferenceExecutor.h"
#include "tests/conformance/Main.h"

using namespace edgecc;

static Expected<conformance::Run> run(const Function &function, std::span<const Tensor> inputs) {
  EDGECC_TRY(outputs, ReferenceExecutor().run(function, inputs));
  return conformance::Run{std::move(outputs), false};
}

int main(int argc, char **argv) {
  return conformance::runConformance(argc, argv, {"reference", run});
}
