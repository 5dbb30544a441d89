#include "tests/conformance/Main.h"
#include "tests/support/NativeRunner.h"

using namespace edgecc;

static bool callsSupport(const edgecc_model *model) {
  for (uint32_t i = 0; i < edgecc_model_layer_count(model); ++i) {
    edgecc_layer_info info{};
    if (edgecc_model_layer(model, i, &info, sizeof info) == EDGECC_OK &&
        info.kind == EDGECC_LAYER_SUPPORT_CALL)
      return true;
  }
  return false;
}

static Expected<conformance::Run> run(const Function &function, std::span<const Tensor> inputs) {
  EDGECC_TRY(bytes, test::compileToBlob(*test::isolate(function)));
  EDGECC_TRY(blob, test::LoadedBlob::load(std::move(bytes), 1));
  EDGECC_TRY(outputs, blob.run(inputs));
  return conformance::Run{std::move(outputs), callsSupport(blob.model())};
}

int main(int argc, char **argv) { return conformance::runConformance(argc, argv, {"native", run}); }
