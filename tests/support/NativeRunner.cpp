#include "tests/support/NativeRunner.h"

#include "ir/Builder.h"
#include "ir/Extract.h"

namespace edgecc::test {

Expected<std::string> compileToBlob(const Module &module, const NativeOptions &options) {
  return driver::compileToBlob(clone(module), options);
}

Expected<std::vector<Tensor>> runNative(const Module &module, std::span<const Tensor> inputs,
                                        const NativeOptions &options) {
  EDGECC_TRY(bytes, compileToBlob(module, options));
  EDGECC_TRY(blob, LoadedBlob::load(std::move(bytes), options.threads));
  return blob.run(inputs);
}

std::unique_ptr<Module> isolate(const Function &function) {
  const std::vector<Value *> &yields = function.body.yields();
  auto module = extract(function, std::vector<const Value *>(yields.begin(), yields.end()));
  module->main().inputs = function.inputs;
  module->main().outputs = function.outputs;
  return module;
}

Expected<std::vector<Tensor>> NativeExecutor::run(const Function &function,
                                                  std::span<const Tensor> inputs,
                                                  const Observer &observer) {
  EDGECC_TRY(outputs, runNative(*isolate(function), inputs, options_));
  if (observer)
    for (size_t i = 0; i < outputs.size(); ++i)
      observer(*function.body.yields()[i], outputs[i]);
  return outputs;
}

Expected<std::vector<Tensor>> NativeExecutor::evaluate(const Op &op,
                                                       std::span<const Tensor> operands) {
  Module module;
  Function &function = module.addFunction("op");
  Builder builder(module, function.body);
  ValueMapping mapping;
  std::vector<Tensor> inputs;
  for (unsigned i = 0; i < op.numOperands(); ++i) {
    const Value *operand = op.operand(i);
    if (!operand || mapping.count(operand))
      continue;
    if (constantOf(operand)) {
      mapping[operand] = builder.constant(operands[i]);
    } else {
      mapping[operand] = function.body.addArgument(operands[i].type());
      function.inputs.push_back({"x" + std::to_string(i), {}});
      inputs.push_back(operands[i]);
    }
  }
  Op *copy = cloneOp(builder, op, mapping);
  std::vector<Value *> results;
  for (unsigned i = 0; i < copy->numResults(); ++i) {
    results.push_back(copy->result(i));
    function.outputs.push_back({"y" + std::to_string(i), {}});
  }
  builder.yield(results);
  return runNative(module, inputs, options_);
}

} // namespace edgecc::test
