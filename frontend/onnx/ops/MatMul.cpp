// Matrix products.
#include "frontend/onnx/ops/MatMul.h"
#include "frontend/onnx/ops/Einsum.h"
#include "frontend/onnx/ops/OpTable.h"

namespace edgecc::importer {

Value *matMul(NodeContext &n, Value *a, Value *b, Value *aZeroPoint, Value *bZeroPoint) {
  bool rowVector = a->dims().size() == 1, columnVector = b->dims().size() == 1;
  if (a->dims().empty() || b->dims().empty())
    n.fail("the operands of a matrix product must not be scalars");
  if (rowVector)
    a = reshape(n, a, {1, a->dims()[0]});
  if (columnVector)
    b = reshape(n, b, {b->dims()[0], 1});
  std::vector<Value *> operands{a, b};
  if (aZeroPoint || bZeroPoint)
    operands.insert(operands.end(), {aZeroPoint, bZeroPoint});
  Value *product = n.emit(OpKind::MatMul, operands);
  Dims dims = product->dims();
  if (columnVector)
    dims.pop_back();
  if (rowVector)
    dims.erase(dims.end() - (columnVector ? 1 : 2));
  return reshape(n, product, std::move(dims));
}

namespace {

void importMatMul(NodeContext &n) { n.setOutput(0, matMul(n, n.input(0), n.input(1))); }

void importMatMulInteger(NodeContext &n) {
  n.setOutput(0, matMul(n, n.input(0), n.input(1), n.optionalInput(2), n.optionalInput(3)));
}

void importGemm(NodeContext &n) {
  n.setOutput(0, n.emit(OpKind::Gemm, {n.input(0), n.input(1), n.optionalInput(2)},
                        {{"alpha", n.floatAttribute("alpha", 1.0)},
                         {"beta", n.floatAttribute("beta", 1.0)},
                         {"transA", n.flag("transA", false)},
                         {"transB", n.flag("transB", false)}}));
}

void importEinsum(NodeContext &n) {
  std::vector<Value *> operands;
  for (unsigned i = 0; i < n.numInputs(); ++i)
    operands.push_back(n.input(i));
  n.setOutput(0, einsum(n, n.stringAttribute("equation", ""), std::move(operands)));
}

} // namespace

void addMatMulOps(OpTable &table) {
  table.add("Einsum", importEinsum);
  table.add("Gemm", importGemm);
  table.add("MatMul", importMatMul);
  table.add("MatMulInteger", importMatMulInteger);
}

} // namespace edgecc::importer
