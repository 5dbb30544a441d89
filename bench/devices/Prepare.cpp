#include "bench/devices/Prepare.h"

#include "backends/reference/ReferenceExecutor.h"
#include "driver/device/DeviceArtifact.h"
#include "passes/PassManager.h"
#include "passes/Pipeline.h"
#include "passes/compress/Compression.h"

namespace edgecc::bench {

Expected<std::unique_ptr<Module>> lowerFor(const emulator::DeviceT &device,
                                           std::unique_ptr<Module> module, bool shufflePixels,
                                           DataSource *data) {
  Registry registry;
  registerBuiltinPasses(registry);
  CompressionRecipe recipe;
  bool isInteger = driver::computesInIntegers(device);
  recipe.splitDilation = driver::hasNoDilation(device);
  recipe.machine = isInteger ? Machine::IntegerDevice : Machine::HalfDevice;
  if (isInteger) {
    recipe.quantize = "int8";
    recipe.onlyIfFaster = false;
    recipe.assumeRanges = data == nullptr;
  }
  PassList passes = buildPipeline(registry, recipe).all();
  // Weights without content have no channels that matter, and nothing to compare with.
  std::erase_if(passes, [&](const PassCall &call) {
    return call.pass->name == "remove-dead-channels" || call.pass->name == "keep-original" ||
           (!shufflePixels && call.pass->name == "transposed-conv-to-pixel-shuffle");
  });
  ReferenceExecutor executor;
  auto target = device::makeTargetModel(device);
  Compression compression;
  compression.data = data;
  PassManagerOptions options;
  options.executor = &executor;
  options.target = target.get();
  options.compression = &compression;
  EDGECC_CHECK(runPasses(*module, passes, options));
  return module;
}

} // namespace edgecc::bench
