#include "tests/support/EmulatedModel.h"

#include "backends/reference/ReferenceExecutor.h"
#include "passes/PassManager.h"

#include <cstring>

namespace edgecc::test {

Expected<std::unique_ptr<Module>> loweredToIntegers(const Module &module) {
  auto copy = clone(module);
  ReferenceExecutor executor;
  Registry registry;
  registerBuiltinPasses(registry);
  EDGECC_TRY(passes, registry.parse("fold,lower-quantized,fold{dequantize=true},simplify,cse,"
                                    "dead-code"));
  PassManagerOptions options;
  options.executor = &executor;
  options.verifyEach = true;
  EDGECC_CHECK(runPasses(*copy, passes, options));
  return std::move(copy);
}

Expected<std::vector<Tensor>> emulate(const Module &module, const device::DeviceCode &code,
                                      std::span<const Tensor> inputs,
                                      const emulator::RunOptions &options) {
  const Function &function = module.main();
  auto host = [&](unsigned part, std::span<const std::span<const std::byte>> partInputs,
                  std::span<const std::span<std::byte>> partOutputs) -> emulator::Result<void> {
    const Function &called = code.hostParts[part].module->main();
    std::vector<Tensor> tensors;
    for (size_t i = 0; i < partInputs.size(); ++i) {
      const Type &type = called.body.argument(static_cast<unsigned>(i))->type;
      Tensor tensor(type.dtype, type.dims);
      std::memcpy(tensor.mutableRaw(), partInputs[i].data(), tensor.bytes());
      tensors.push_back(std::move(tensor));
    }
    auto results = ReferenceExecutor().run(called, tensors);
    if (!results)
      return emulator::fault(emulator::FaultKind::HostFailure, str(results.error()));
    for (size_t i = 0; i < partOutputs.size(); ++i)
      std::memcpy(partOutputs[i].data(), (*results)[i].raw(), (*results)[i].bytes());
    return {};
  };
  std::vector<Tensor> outputs;
  for (const Value *value : function.body.yields())
    outputs.emplace_back(value->type.dtype, value->type.dims);
  std::vector<std::span<const std::byte>> in;
  std::vector<std::span<std::byte>> out;
  for (const Tensor &tensor : inputs)
    in.emplace_back(tensor.raw(), tensor.bytes());
  for (Tensor &tensor : outputs)
    out.emplace_back(tensor.mutableRaw(), tensor.bytes());
  emulator::Emulator emulator(code.program, code.weights, host);
  auto report = emulator.run(in, out, options);
  if (!report)
    return error(report.error().message, std::to_string(static_cast<int>(report.error().kind)));
  return outputs;
}

} // namespace edgecc::test
