#include "driver/NativeModel.h"

#include "backends/native/Native.h"
#include "backends/reference/ReferenceExecutor.h"
#include "driver/Artifact.h"
#include "driver/NativeTargetModel.h"
#include "passes/PassManager.h"
#include "passes/Pipeline.h"

#include <cstring>

namespace edgecc::driver {

Expected<std::string> compileToBlob(std::unique_ptr<Module> module, const NativeOptions &options) {
  EDGECC_TRY(target, native::resolveTarget("native", options.cpu));
  NativeTargetModel targetModel(target, options.exact);
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
  Diagnostics unsupported;
  walk(module->main().body, [&](const Op &op) {
    if (std::string why = targetModel.whyIllegal(op); !why.empty())
      unsupported.push_back({std::string(op.name()) + ": " + why, op.location, ""});
  });
  if (!unsupported.empty())
    return tl::unexpected(std::move(unsupported));
  EDGECC_CHECK(runPasses(*module, passes, manager));
  native::CodegenOptions codegen;
  codegen.threads = options.compileThreads;
  codegen.cache = options.cache.get();
  if (options.exact)
    codegen.algorithms = native::Algorithms::exact();
  EDGECC_TRY(code, native::generateCode(module->main(), target, codegen));
  return makeBlob(*module, code);
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

Tensor LoadedBlob::outputView(uint32_t index, std::shared_ptr<const void> owner) const {
  Type type = outputType(index);
  Dims dims(type.rank());
  edgecc_context_output_dims(context_.get(), index, dims.data());
  const void *data = edgecc_context_output(context_.get(), index);
  return {type.dtype, dims, std::move(owner), static_cast<const std::byte *>(data)};
}

Tensor LoadedBlob::output(uint32_t index) const {
  Tensor view = outputView(index, nullptr);
  Tensor copy(view.dtype(), view.dims());
  if (copy.bytes() > 0)
    std::memcpy(copy.mutableRaw(), view.raw(), copy.bytes());
  return copy;
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

Expected<void> LoadedBlob::setInputs(std::span<const Tensor> inputs) {
  if (inputs.size() != numInputs())
    return error("the model has " + std::to_string(numInputs()) + " inputs, not " +
                 std::to_string(inputs.size()));
  for (uint32_t i = 0; i < inputs.size(); ++i)
    EDGECC_CHECK(setInput(i, inputs[i]));
  return {};
}

Expected<std::vector<Tensor>> LoadedBlob::run(std::span<const Tensor> inputs) {
  EDGECC_CHECK(setInputs(inputs));
  EDGECC_CHECK(run());
  std::vector<Tensor> outputs;
  for (uint32_t i = 0; i < numOutputs(); ++i)
    outputs.push_back(output(i));
  return outputs;
}

} // namespace edgecc::driver
