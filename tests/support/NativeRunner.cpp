#include "tests/support/NativeRunner.h"

#include "backends/native/Native.h"
#include "backends/reference/ReferenceExecutor.h"
#include "driver/Artifact.h"
#include "driver/NativeTargetModel.h"
#include "ir/Builder.h"
#include "passes/PassManager.h"
#include "passes/Pipeline.h"

#include <cstring>

namespace edgecc::test {

Expected<std::string> compileToBlob(const Module &module, const NativeOptions &options) {
  EDGECC_TRY(target, native::resolveTarget("native", options.cpu));
  driver::NativeTargetModel targetModel(target);
  ReferenceExecutor executor;
  Registry registry;
  registerBuiltinPasses(registry);
  PassList passes = buildPipeline(registry).all();
  if (!options.passes.empty()) {
    EDGECC_TRY(named, registry.parse(options.passes));
    passes = std::move(named);
  }
  PassManagerOptions manager;
  manager.executor = &executor;
  manager.target = &targetModel;
  manager.verifyEach = options.verifyEach;
  std::unique_ptr<Module> lowered = clone(module);
  Diagnostics unsupported;
  walk(lowered->main().body, [&](const Op &op) {
    if (std::string why = targetModel.whyIllegal(op); !why.empty())
      unsupported.push_back({std::string(op.name()) + ": " + why, op.location, ""});
  });
  if (!unsupported.empty())
    return tl::unexpected(std::move(unsupported));
  EDGECC_CHECK(runPasses(*lowered, passes, manager));
  native::CodegenOptions codegen;
  codegen.threads = options.compileThreads;
  EDGECC_TRY(code, native::generateCode(lowered->main(), target, codegen));
  return driver::makeBlob(*lowered, code);
}

static Type typeOf(const edgecc_tensor_info &info) {
  auto dtype = dtypeFromName(edgecc_type_name(info.type));
  assert(dtype && "the runtime and the compiler share the names of element types");
  Type type{*dtype, Dims(info.dims, info.dims + info.rank), 0, {}};
  if (info.dynamic)
    type.boundedAxes = (1u << info.rank) - 1;
  return type;
}

Expected<LoadedBlob> LoadedBlob::load(std::string bytes, unsigned threads) {
  LoadedBlob out;
  out.bytes_ = std::make_unique<const std::string>(std::move(bytes));
  edgecc_error detail{};
  edgecc_model *model = nullptr;
  if (edgecc_model_load_memory(out.bytes_->data(), out.bytes_->size(), nullptr, &model, &detail) !=
      EDGECC_OK)
    return error(detail.text, "load");
  out.model_.reset(model);
  edgecc_context_options options{};
  options.struct_size = sizeof options;
  options.num_threads = threads;
  edgecc_context *context = nullptr;
  if (edgecc_context_create(model, &options, &context, &detail) != EDGECC_OK)
    return error(detail.text, "context");
  out.context_.reset(context);
  return out;
}

Type LoadedBlob::inputType(uint32_t index) const {
  edgecc_tensor_info info{};
  edgecc_model_input(model_.get(), index, &info, sizeof info);
  return typeOf(info);
}

Type LoadedBlob::outputType(uint32_t index) const {
  edgecc_tensor_info info{};
  edgecc_model_output(model_.get(), index, &info, sizeof info);
  return typeOf(info);
}

Tensor LoadedBlob::output(uint32_t index) const {
  Type type = outputType(index);
  Dims dims(type.rank());
  edgecc_context_output_dims(context_.get(), index, dims.data());
  Tensor tensor(type.dtype, dims);
  if (tensor.bytes() > 0)
    std::memcpy(tensor.mutableRaw(), edgecc_context_output(context_.get(), index), tensor.bytes());
  return tensor;
}

Expected<void> LoadedBlob::setInput(uint32_t index, const Tensor &tensor) {
  if (Type want = inputType(index); !sameLogicalType(tensor.type(), want))
    return error("input " + std::to_string(index) + " is " + want.str() + ", but the data is " +
                 tensor.type().str());
  // An empty tensor has no bytes to point to.
  static const std::byte nothing{};
  const std::byte *data = tensor.bytes() ? tensor.raw() : &nothing;
  if (edgecc_context_set_input(context_.get(), index, data, nullptr) != EDGECC_OK)
    return error(edgecc_context_error(context_.get()), "set_input");
  return {};
}

Expected<void> LoadedBlob::run() {
  if (edgecc_context_run(context_.get()) != EDGECC_OK)
    return error(edgecc_context_error(context_.get()), "run");
  return {};
}

Expected<std::vector<Tensor>> LoadedBlob::run(std::span<const Tensor> inputs) {
  if (inputs.size() != edgecc_model_input_count(model_.get()))
    return error("the model has " + std::to_string(edgecc_model_input_count(model_.get())) +
                 " inputs, not " + std::to_string(inputs.size()));
  for (uint32_t i = 0; i < inputs.size(); ++i)
    EDGECC_CHECK(setInput(i, inputs[i]));
  EDGECC_CHECK(run());
  std::vector<Tensor> outputs;
  for (uint32_t i = 0; i < edgecc_model_output_count(model_.get()); ++i)
    outputs.push_back(output(i));
  return outputs;
}

Expected<std::vector<Tensor>> runNative(const Module &module, std::span<const Tensor> inputs,
                                        const NativeOptions &options) {
  EDGECC_TRY(bytes, compileToBlob(module, options));
  EDGECC_TRY(blob, LoadedBlob::load(std::move(bytes), options.threads));
  return blob.run(inputs);
}

// Param ops of a copied block still name the parameters of the module they came from.
static void adoptParameters(Module &module, Block &block) {
  std::map<const Parameter *, Parameter *> adopted;
  walk(block, [&](Op &op) {
    if (!op.parameter)
      return;
    Parameter *&copy = adopted[op.parameter];
    if (!copy)
      copy = &module.addParameter(op.parameter->name, op.parameter->content);
    op.parameter = copy;
  });
}

std::unique_ptr<Module> isolate(const Function &function) {
  auto module = std::make_unique<Module>();
  module->name = function.name;
  Function &copy = module->addFunction(function.name);
  copy.inputs = function.inputs;
  copy.outputs = function.outputs;
  ValueMapping mapping;
  cloneBlock(*module, function.body, copy.body, mapping);
  adoptParameters(*module, copy.body);
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
