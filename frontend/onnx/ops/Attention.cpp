// Attention, rotary embedding and the caches that go with them, in terms of matrix products.
#include "frontend/onnx/ops/Emit.h"
#include "frontend/onnx/ops/OpTable.h"

#include <cmath>
#include <limits>

namespace edgecc::importer {
namespace {

constexpr double kNegativeInfinity = -std::numeric_limits<double>::infinity();

// [B, S, heads * D] -> [B, heads, S, D]
Value *splitHeads(NodeContext &n, Value *x, int64_t heads) {
  const Dims &dims = x->dims();
  if (dims.size() == 4)
    return x;
  if (dims.size() != 3 || heads < 1 || dims[2] % heads != 0)
    n.fail("the heads cannot be taken apart: " + x->type.str() + ", " + std::to_string(heads) +
           " heads");
  return transpose(n, reshape(n, x, {dims[0], dims[1], heads, dims[2] / heads}), {0, 2, 1, 3});
}

// [B, heads, S, D] -> [B, S, heads * D]
Value *mergeHeads(NodeContext &n, Value *x) {
  Dims dims = x->dims();
  return reshape(n, transpose(n, x, {0, 2, 1, 3}), {dims[0], dims[2], dims[1] * dims[3]});
}

// Grouped queries: each key or value head serves several query heads in a row.
Value *repeatHeads(NodeContext &n, Value *x, int64_t queryHeads) {
  Dims dims = x->dims();
  if (dims[1] == queryHeads)
    return x;
  if (dims[1] < 1 || queryHeads % dims[1] != 0)
    n.fail("the number of query heads is no multiple of the number of key heads");
  Value *grouped = reshape(n, x, {dims[0], dims[1], 1, dims[2], dims[3]});
  grouped = expand(n, grouped, {dims[0], dims[1], queryHeads / dims[1], dims[2], dims[3]});
  return reshape(n, grouped, {dims[0], queryHeads, dims[2], dims[3]});
}

// 0 where the condition holds, else -inf.
Value *biasWhere(NodeContext &n, Value *condition, DType dtype) {
  return where(n, condition, n.scalar(dtype, 0), n.scalar(dtype, kNegativeInfinity));
}

Value *sumOf(NodeContext &n, Value *a, Value *b) { return a && b ? add(n, a, b) : a ? a : b; }

Value *range(NodeContext &n, int64_t count, Dims dims) {
  constexpr int64_t kMost = int64_t{1} << 22;
  if (count > kMost)
    n.fail("has more than " + std::to_string(kMost) + " positions");
  std::vector<int64_t> values = allAxes(static_cast<size_t>(count));
  return n.constant(Tensor::of<int64_t>(DType::I64, std::move(dims), values));
}

// The mask operand as a bias; positions beyond its end are masked.
Value *maskBias(NodeContext &n, Value *mask, DType dtype, int64_t keys) {
  Value *bias = mask->type.dtype == DType::Bool ? biasWhere(n, mask, dtype) : cast(n, mask, dtype);
  size_t rank = bias->dims().size();
  if (rank < 2 || bias->dims()[rank - 1] > keys)
    n.fail("the mask " + mask->type.str() + " does not fit " + std::to_string(keys) + " keys");
  if (bias->dims()[rank - 1] == keys || bias->dims()[rank - 1] == 1)
    return bias;
  std::vector<int64_t> low(rank, 0), high(rank, 0);
  high[rank - 1] = keys - bias->dims()[rank - 1];
  return padAxes(n, bias, low, high, n.scalar(dtype, kNegativeInfinity));
}

struct Positions {
  int64_t queries, keys, past; // `past` keys come before those of the first query
  Value *lengths;              // [B]: keys that are no padding; may be null
};

// Query i may see keys up to its own position.
Value *causalBias(NodeContext &n, const Positions &p, DType dtype) {
  Value *row = range(n, p.queries, {p.queries, 1}), *column = range(n, p.keys, {1, p.keys});
  if (p.lengths) {
    Value *offset = sub(n, p.lengths, n.constant(Tensor::scalar(DType::I64, p.queries)));
    row = add(n, row, reshape(n, offset, {p.lengths->type.elements(), 1, 1, 1}));
  } else
    row = add(n, row, n.constant(Tensor::scalar(DType::I64, p.past)));
  return biasWhere(n, n.emit(OpKind::GreaterOrEqual, {row, column}), dtype);
}

Value *paddingBias(NodeContext &n, const Positions &p, DType dtype) {
  Value *lengths = reshape(n, p.lengths, {p.lengths->type.elements(), 1, 1, 1});
  return biasWhere(n, n.emit(OpKind::Less, {range(n, p.keys, {1, p.keys}), lengths}), dtype);
}

// softmax(softcap(q k' scale) + bias) v
void importAttention(NodeContext &n) {
  Value *q = n.input(0), *k = n.input(1), *v = n.input(2);
  bool flat = q->dims().size() == 3;
  q = splitHeads(n, q, n.intAttribute("q_num_heads", 0));
  k = splitHeads(n, k, n.intAttribute("kv_num_heads", 0));
  v = splitHeads(n, v, n.intAttribute("kv_num_heads", 0));
  if (q->dims().size() != 4 || k->dims().size() != 4 || v->dims().size() != 4)
    n.fail("queries, keys and values need rank 3 or 4");
  int64_t past = 0;
  if (n.hasInput(4) && n.hasInput(5)) {
    if (n.input(4)->dims().size() != 4)
      n.fail("the past keys need rank 4");
    past = n.input(4)->dims()[2];
    k = n.emit(OpKind::Concat, {n.input(4), k}, {{"axis", int64_t{2}}});
    v = n.emit(OpKind::Concat, {n.input(5), v}, {{"axis", int64_t{2}}});
  }
  n.setOutput(1, k);
  n.setOutput(2, v);

  int64_t heads = q->dims()[1], headSize = q->dims()[3];
  if (headSize < 1)
    n.fail("the heads are empty");
  double scale = n.floatAttribute("scale", 1 / std::sqrt(static_cast<double>(headSize)));
  Value *root = scalarLike(n, q, std::sqrt(scale)); // on both sides: f16 products stay in range
  Value *keys = mul(n, swapLast(n, repeatHeads(n, k, heads)), root);
  Value *scores = n.emit(OpKind::MatMul, {mul(n, q, root), keys});
  Value *stages[4] = {scores};
  if (double softcap = n.floatAttribute("softcap", 0); softcap != 0) {
    Value *limit = scalarLike(n, scores, softcap);
    scores = mul(n, n.emit(OpKind::Tanh, {div(n, scores, limit)}), limit);
  }
  stages[1] = scores;

  DType dtype = scores->type.dtype;
  Positions positions{q->dims()[2], k->dims()[2], past, n.optionalInput(6)};
  Value *bias = n.hasInput(3) ? maskBias(n, n.input(3), dtype, positions.keys) : nullptr;
  bool mayMaskAll = bias || positions.lengths;
  if (n.flag("is_causal", false))
    bias = sumOf(n, bias, causalBias(n, positions, dtype));
  if (positions.lengths)
    bias = sumOf(n, bias, paddingBias(n, positions, dtype));
  scores = sumOf(n, scores, bias);
  stages[2] = scores;

  DType precision = n.dtypeAttribute("softmax_precision").value_or(dtype);
  Value *weights = n.emit(OpKind::Softmax, {cast(n, scores, precision)}, {{"axis", int64_t{3}}});
  weights = cast(n, weights, dtype);
  if (mayMaskAll) {
    // A query that sees no key gets zeros, not the NaN of an empty softmax.
    auto last = static_cast<int64_t>(bias->dims().size()) - 1;
    Value *best = reduce(n, OpKind::ReduceMax, bias, {last}, true);
    Value *masked = n.emit(OpKind::Equal, {best, n.scalar(dtype, kNegativeInfinity)});
    weights = where(n, masked, n.scalar(dtype, 0), weights);
  }
  stages[3] = weights;
  int64_t mode = n.intAttribute("qk_matmul_output_mode", 0);
  if (mode < 0 || mode > 3)
    n.fail("qk_matmul_output_mode must be 0 to 3");
  n.setOutput(3, stages[mode]);
  Value *y = n.emit(OpKind::MatMul, {weights, repeatHeads(n, v, heads)});
  n.setOutput(0, flat ? mergeHeads(n, y) : y);
}

// softmax(score_mod(q k' scale)), prob_mod of that, times v; the modifications are subgraphs.
void importFlexAttention(NodeContext &n) {
  Value *q = n.input(0), *k = n.input(1), *v = n.input(2);
  if (q->dims().size() != 4 || k->dims().size() != 4 || v->dims().size() != 4 || q->dims()[3] < 1)
    n.fail("queries, keys and values need rank 4");
  int64_t heads = q->dims()[1];
  DType dtype = q->type.dtype;
  double absent = 1 / std::sqrt(static_cast<double>(q->dims()[3]));
  Value *root = scalarLike(n, q, std::sqrt(n.floatAttribute("scale", absent)));
  Value *keys = mul(n, swapLast(n, repeatHeads(n, k, heads)), root);
  Value *scores = n.emit(OpKind::MatMul, {mul(n, q, root), keys});
  DType wide = dtype == DType::F64 ? DType::F64 : DType::F32;
  DType precision = n.dtypeAttribute("softmax_precision").value_or(wide);
  auto modified = [&](Value *x, const char *name) {
    if (!n.hasAttribute(name))
      return x;
    auto results = n.graph().inlineGraph(n.graphAttribute(name), {x}, n.scope());
    if (results.size() != 1 || results[0]->dims() != x->dims())
      n.fail(std::string(name) + " must keep the shape of what it modifies");
    return results[0];
  };
  scores = modified(cast(n, scores, precision), "score_mod");
  Value *weights = n.emit(OpKind::Softmax, {scores}, {{"axis", int64_t{3}}});
  weights = modified(weights, "prob_mod");
  Value *values = cast(n, repeatHeads(n, v, heads), precision);
  n.setOutput(0, cast(n, n.emit(OpKind::MatMul, {weights, values}), dtype));
}

// Rotates pairs of features by angles whose cosine and sine are looked up by position.
void importRotaryEmbedding(NodeContext &n) {
  Value *x = n.input(0);
  Dims shape = x->dims();
  Value *heads = x; // [B, S, heads, D]
  if (shape.size() == 4)
    heads = transpose(n, x, {0, 2, 1, 3});
  else {
    int64_t count = n.intAttribute("num_heads", 0);
    if (shape.size() != 3 || count < 1 || shape[2] % count != 0)
      n.fail("the operand must be [B, heads, S, D], or [B, S, heads * D] with num_heads");
    heads = reshape(n, x, {shape[0], shape[1], count, shape[2] / count});
  }
  int64_t headSize = heads->dims()[3];
  int64_t rotated = n.intAttribute("rotary_embedding_dim", 0);
  rotated = rotated == 0 ? headSize : rotated;
  if (rotated < 2 || rotated > headSize || rotated % 2 != 0)
    n.fail("rotary_embedding_dim must be even and at most the size of a head");
  int64_t half = rotated / 2;
  auto angles = [&](unsigned i) {
    Value *cache = n.input(i);
    if (n.hasInput(3))
      cache = n.emit(OpKind::Gather, {cache, n.input(3)}, {{"axis", int64_t{0}}});
    if (cache->dims().size() != 3 || cache->dims()[2] < half)
      n.fail("the cosine and sine caches do not fit");
    cache = sliceAxis(n, cache, 2, 0, half);
    return reshape(n, cache, {cache->dims()[0], cache->dims()[1], 1, half});
  };
  Value *cosine = angles(1), *sine = angles(2);
  bool interleaved = n.flag("interleaved", false);
  int64_t step = interleaved ? 2 : 1;
  Value *first = sliceAxis(n, heads, 3, 0, half, step);
  Value *second = sliceAxis(n, heads, 3, interleaved ? 1 : half, half, step);
  Value *real = sub(n, mul(n, cosine, first), mul(n, sine, second));
  Value *imaginary = add(n, mul(n, sine, first), mul(n, cosine, second));
  Value *result = nullptr;
  if (interleaved) {
    Dims pairs = real->dims();
    pairs.push_back(1);
    result = concat(n, {reshape(n, real, pairs), reshape(n, imaginary, pairs)}, 4);
    pairs.pop_back();
    pairs[3] = rotated;
    result = reshape(n, result, pairs);
  } else
    result = concat(n, {real, imaginary}, 3);
  if (rotated < headSize)
    result = concat(n, {result, sliceAxis(n, heads, 3, rotated, headSize - rotated)}, 3);
  n.setOutput(0,
              shape.size() == 4 ? transpose(n, result, {0, 2, 1, 3}) : reshape(n, result, shape));
}

// Writes updates [B, ..., S, ...] into a cache at a position for each batch entry.
void importTensorScatter(NodeContext &n) {
  Value *cache = n.input(0), *updates = n.input(1);
  size_t rank = cache->dims().size();
  auto axis = static_cast<size_t>(normalizedAxis(n, n.intAttribute("axis", -2), rank));
  if (axis == 0 || updates->dims().size() != rank || updates->dims()[0] != cache->dims()[0])
    n.fail("the updates do not fit the cache, or the axis is that of the batch");
  // Indices of the written elements along the axis, broadcast to the shape of the updates.
  Dims steps(rank, 1), batch(rank, 1);
  steps[axis] = updates->dims()[axis];
  batch[0] = updates->dims()[0];
  Value *indices = range(n, steps[axis], steps);
  if (Value *start = n.optionalInput(2))
    indices = add(n, indices, reshape(n, start, batch));
  std::string mode = n.stringAttribute("mode", "linear");
  if (mode == "circular")
    indices =
        n.emit(OpKind::Mod, {indices, n.constant(Tensor::scalar(DType::I64, cache->dims()[axis]))});
  else if (mode != "linear")
    n.fail("mode must be linear or circular");
  n.setOutput(0,
              n.emit(OpKind::ScatterElements, {cache, expand(n, indices, updates->dims()), updates},
                     {{"axis", static_cast<int64_t>(axis)}}));
}

// Depthwise convolution over time that hands its last inputs on to the next call.
void importCausalConvWithState(NodeContext &n) {
  Value *x = n.input(0), *w = n.input(1), *past = n.optionalInput(3);
  if (x->dims().size() != 3 || w->dims().size() != 3 || w->dims()[2] < 1)
    n.fail("needs an operand [B, C, L] and weights [C, 1, K]");
  int64_t memory = w->dims()[2] - 1;
  Value *padded = past ? n.emit(OpKind::Concat, {past, x}, {{"axis", int64_t{2}}})
                       : padAxes(n, x, {0, 0, memory}, {0, 0, 0});
  std::vector<int64_t> ones{1};
  Value *y = n.emit(OpKind::Conv, {padded, w, n.optionalInput(2)},
                    {{"strides", ones},
                     {"dilations", ones},
                     {"pads", std::vector<int64_t>{0, 0}},
                     {"group", x->dims()[1]}});
  std::string activation = n.stringAttribute("activation", "none");
  if (activation == "silu" || activation == "swish")
    y = n.emit(OpKind::Swish, {y});
  else if (activation != "none")
    n.fail("unknown activation '" + printable(activation) + "'");
  n.setOutput(0, y);
  n.setOutput(1, sliceAxis(n, padded, 2, padded->dims()[2] - memory, memory));
}

} // namespace

void addAttentionOps(OpTable &table) {
  table.add("Attention", importAttention);
  table.add("CausalConvWithState", importCausalConvWithState);
  table.addTo("ai.onnx.preview", "FlexAttention", importFlexAttention);
  table.add("RotaryEmbedding", importRotaryEmbedding);
  table.add("TensorScatter", importTensorScatter);
}

} // namespace edgecc::importer
