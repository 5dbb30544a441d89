// Linear attention: a matrix of state per head that is read by queries and updated by keys and
// values, one step after the other (Katharopoulos et al. 2020; delta rule: Schlag et al. 2021;
// gates: Yang et al. 2024).
#include "frontend/onnx/ops/Emit.h"
#include "frontend/onnx/ops/OpTable.h"

#include <cmath>

namespace edgecc::importer {
namespace {

struct Step {
  bool gated, delta;
  double scale;
  int64_t queryHeads;
};

Value *withAxis(NodeContext &n, Value *x, size_t axis) {
  Dims dims = x->dims();
  dims.insert(dims.begin() + static_cast<ptrdiff_t>(axis), 1);
  return reshape(n, x, std::move(dims));
}

// S' = exp(g) S + k (beta (v - S' k))' and o = scale * q S'; without delta rule the written value
// is v. Operands: S [B, H, K, V], q [B, Hq, K], k [B, H, K], v [B, H, V], then g and beta where
// used.
std::vector<Value *> emitStep(NodeContext &n, const Step &step, std::vector<Value *> in) {
  DType outType = in[1]->type.dtype;
  for (Value *&value : in)
    value = cast(n, value, DType::F32);
  size_t next = 4;
  Value *state = in[0], *written = in[3];
  if (step.gated)
    state = mul(n, state, withAxis(n, n.emit(OpKind::Exp, {in[next++]}), 3));
  Value *key = withAxis(n, in[2], 3);
  if (step.delta) {
    Value *recalled = n.emit(OpKind::MatMul, {swapLast(n, state), key});
    written = mul(n, in[next], sub(n, written, reshape(n, recalled, written->dims())));
  }
  state = add(n, state, n.emit(OpKind::MatMul, {key, withAxis(n, written, 2)}));
  Dims dims = state->dims(); // [B, H, K, V]
  Value *read = state;
  if (step.queryHeads != dims[1]) {
    read = expand(n, reshape(n, state, {dims[0], dims[1], 1, dims[2], dims[3]}),
                  {dims[0], dims[1], step.queryHeads / dims[1], dims[2], dims[3]});
    read = reshape(n, read, {dims[0], step.queryHeads, dims[2], dims[3]});
  }
  Value *out = n.emit(OpKind::MatMul, {withAxis(n, in[1], 2), read});
  out = mul(n, reshape(n, out, {dims[0], step.queryHeads, dims[3]}),
            n.scalar(DType::F32, step.scale));
  return {state, cast(n, out, outType)};
}

// [B, T, heads * D] -> [T, B, heads, D]
Value *timeFirst(NodeContext &n, Value *x, int64_t heads) {
  const Dims &dims = x->dims();
  if (dims.size() != 3 || heads < 1 || dims[2] % heads != 0)
    n.fail("the heads cannot be taken apart: " + x->type.str() + ", " + std::to_string(heads) +
           " heads");
  return transpose(n, reshape(n, x, {dims[0], dims[1], heads, dims[2] / heads}), {1, 0, 2, 3});
}

void importLinearAttention(NodeContext &n) {
  std::string rule = n.stringAttribute("update_rule", "gated_delta");
  if (rule != "linear" && rule != "gated" && rule != "delta" && rule != "gated_delta")
    n.fail("unknown update_rule '" + printable(rule) + "'");
  Step step{rule.starts_with("gated"), rule.ends_with("delta"), n.floatAttribute("scale", 0),
            n.intAttribute("q_num_heads")};
  int64_t heads = n.intAttribute("kv_num_heads");
  Value *query = n.input(0);
  Value *q = timeFirst(n, query, step.queryHeads);
  Value *k = timeFirst(n, n.input(1), heads), *v = timeFirst(n, n.input(2), heads);
  if (step.queryHeads % heads != 0 || q->dims()[3] < 1)
    n.fail("the number of query heads is no multiple of the number of key heads");
  if (step.scale == 0)
    step.scale = 1 / std::sqrt(static_cast<double>(q->dims()[3]));
  Dims stateDims{k->dims()[1], heads, k->dims()[3], v->dims()[3]};
  DType presentType = n.hasInput(3) ? n.input(3)->type.dtype : query->type.dtype;
  Value *state = n.hasInput(3) ? cast(n, n.input(3), DType::F32)
                               : expand(n, n.scalar(DType::F32, 0), stateDims);
  std::vector<Value *> operands{state, q, k, v};
  if (step.gated)
    operands.push_back(timeFirst(n, n.input(4), heads));
  if (step.delta) {
    Value *beta = n.input(5);
    operands.push_back(timeFirst(n, beta, beta->dims().size() == 3 ? beta->dims()[2] : 0));
  }
  auto fill = [&](Op &op) -> Expected<void> {
    std::vector<Value *> arguments;
    for (size_t i = 0; i < operands.size(); ++i) {
      Type type = operands[i]->type;
      if (i > 0)
        type.dims.erase(type.dims.begin());
      arguments.push_back(op.region(0).addArgument(type));
    }
    return n.graph().fillRegion(op.region(0), [&] { return emitStep(n, step, arguments); });
  };
  auto results = n.emitAll(OpKind::Scan, operands,
                           {{"num_scans", static_cast<int64_t>(operands.size()) - 1}}, fill);
  Value *out = transpose(n, results[1], {1, 0, 2, 3});
  Dims dims = out->dims();
  n.setOutput(0, reshape(n, out, {dims[0], dims[1], dims[2] * dims[3]}));
  n.setOutput(1, cast(n, results[0], presentType));
}

} // namespace

void addLinearAttentionOps(OpTable &table) { table.add("LinearAttention", importLinearAttention); }

} // namespace edgecc::importer
