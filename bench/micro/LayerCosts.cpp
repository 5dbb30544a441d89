#include "bench/micro/LayerCosts.h"

#include "backends/reference/ReferenceExecutor.h"
#include "ir/OpDef.h"
#include "passes/PassManager.h"
#include "passes/Pipeline.h"

namespace edgecc::bench {

namespace {

bool isLayer(const Op &op) {
  return op.kind() == OpKind::Conv || op.kind() == OpKind::ConvTranspose ||
         op.kind() == OpKind::Gemm || op.kind() == OpKind::MatMul;
}

std::string shapeOf(const Op &op) {
  std::string out(op.name());
  for (const Value *value : {op.operand(0), op.operand(1)}) {
    out += ' ';
    for (size_t i = 0; i < value->dims().size(); ++i)
      out += (i ? "x" : "") + std::to_string(value->dims()[i]);
  }
  if (op.kind() == OpKind::Conv && op.integer("group") > 1)
    out += " g" + std::to_string(op.integer("group"));
  return out;
}

bool isDepthwise(const Op &op) {
  return op.kind() == OpKind::Conv && op.integer("group") > 1 && op.operand(1)->dims()[1] == 1;
}

// The type in which kernels hold the layer's input: quantised values pass through pooling and
// rearrangement as they are.
DType inputType(const Op &op) {
  const Value *value = op.operand(0);
  while (const Op *source = value->definingOp()) {
    if (source->kind() == OpKind::DequantizeLinear)
      return source->operand(0)->type.dtype;
    if (source->kind() != OpKind::MaxPool && !source->def().is(OpTrait::DataMovement))
      break;
    value = source->operand(0);
  }
  return value->type.dtype;
}

bool isByte(DType dtype) { return dtype == DType::I8 || dtype == DType::U8; }

bool multipliesBytes(const Op &op) {
  const Op *weights = op.operand(1)->definingOp();
  return isByte(inputType(op)) && weights && weights->kind() == OpKind::DequantizeLinear &&
         isByte(weights->operand(0)->type.dtype);
}

} // namespace

Expected<std::map<std::string, LayerCost>> layerCosts(const Module &module,
                                                      const driver::NativeTargetModel &target) {
  ReferenceExecutor executor;
  Registry registry;
  registerBuiltinPasses(registry);
  PassManagerOptions options;
  options.executor = &executor;
  options.target = &target;
  std::unique_ptr<Module> copy = clone(module);
  EDGECC_CHECK(runPasses(*copy, buildPipeline(registry, {}).portable, options));
  std::map<std::string, LayerCost> out;
  walk(copy->main().body, [&](const Op &op) {
    if (!isLayer(op))
      return;
    bool bytes = multipliesBytes(op);
    std::string node = op.location.substr(0, op.location.find(','));
    out[node] = {.what = shapeOf(op),
                 .predictedNs =
                     bytes ? target.costAs(op, inputType(op), DType::I8) : target.cost(op),
                 .isBytes = bytes,
                 .isBF16 = op.operand(1)->type.dtype == DType::BF16,
                 .isDepthwise = isDepthwise(op),
                 .isVectorMatrix = costOf(op).macs == op.operand(1)->type.elements()};
  });
  return out;
}

} // namespace edgecc::bench
