// Element-wise ops, data movement and reductions for random graphs.
#include "tests/differential/Generator.h"

#include <algorithm>

namespace edgecc::test {

namespace {

using enum OpKind;

bool isFloatValue(const Value *x) { return isFloat(x->type.dtype); }
int64_t rankOf(const Value *x) { return x->type.rank(); }

Value *scalar(Generator &g, const Value *like, double value) {
  return g.constant(g.random(like->type.dtype, {}, value, value));
}

// A shape that broadcasts to that of `x`.
Dims narrowed(Generator &g, const Value *x) {
  Dims dims = x->dims();
  switch (g.between(0, 3)) {
  case 0: // one for each channel
    if (dims.size() >= 3) {
      Dims channels(dims.size() - 1, 1);
      channels[0] = dims[1];
      return channels;
    }
    return dims;
  case 1:
    return {};
  case 2: // along the last axis
    return dims.empty() ? dims : Dims{dims.back()};
  default: // any axes
    for (int64_t &extent : dims)
      if (g.chance(0.4))
        extent = 1;
    return dims;
  }
}

Value *secondOperand(Generator &g, Value *x, double low, double high) {
  if (g.chance(0.55))
    if (Value *other = g.pickLike(x, g.chance(0.8)))
      return other;
  Tensor tensor = g.random(x->type.dtype, narrowed(g, x), low, high);
  return g.chance(0.85) ? g.constant(std::move(tensor)) : g.input(std::move(tensor));
}

} // namespace

bool addUnary(Generator &g, Value *x) {
  if (!isFloatValue(x))
    return false;
  OpKind kind =
      g.pick<OpKind>({Relu, Relu, Relu,       Sigmoid,  Tanh,        Abs,       Neg,   Exp,
                      Erf,  Gelu, HardSwish,  Elu,      HardSigmoid, Softplus,  Swish, Softsign,
                      Sin,  Cos,  Mish,       Selu,     Celu,        LeakyRelu, Clip,  PRelu,
                      Sqrt, Log,  Reciprocal, Identity, Atan,        Cast});
  switch (kind) {
  case Clip: {
    Value *low = g.chance(0.8) ? scalar(g, x, -0.5) : nullptr;
    return g.emit(Clip, {x, low, g.chance(0.8) || !low ? scalar(g, x, 0.7) : nullptr});
  }
  case PRelu:
    return g.emit(PRelu, {x, g.constant(g.random(x->type.dtype, narrowed(g, x), 0, 0.5))});
  case LeakyRelu:
    return g.emit(LeakyRelu, {x}, {{"alpha", 0.1}});
  case Gelu:
    return g.emit(Gelu, {x}, {{"tanh", g.chance(0.4)}});
  case Sqrt:
  case Log:
  case Reciprocal: { // away from zero first
    Value *positive = g.emitOne(Abs, {x});
    Value *moved = positive ? g.emitOne(Add, {positive, scalar(g, x, 0.5)}) : nullptr;
    return moved && g.emit(kind, {moved});
  }
  case Cast: {
    DType other = x->type.dtype == DType::F32 ? DType::F16 : DType::F32;
    Value *cast = g.emitOne(Cast, {x}, {{"to", other}});
    return cast && g.emit(Cast, {cast}, {{"to", x->type.dtype}});
  }
  default:
    return g.emit(kind, {x});
  }
}

bool addBinary(Generator &g, Value *x) {
  if (!isFloatValue(x))
    return false;
  OpKind kind = g.pick<OpKind>({Add, Add, Add, Sub, Mul, Mul, Max, Min, Div, Where});
  if (kind == Where) {
    Value *condition =
        g.emitOne(g.pick<OpKind>({Less, Greater, GreaterOrEqual}),
                  {g.input(g.random(x->type.dtype, narrowed(g, x))), scalar(g, x, 0.1)});
    return condition && g.emit(Where, {condition, x, secondOperand(g, x, -1, 1)});
  }
  Value *other = kind == Div ? g.constant(g.random(x->type.dtype, narrowed(g, x), 0.5, 2))
                             : secondOperand(g, x, -1, 1);
  if (kind != Div && g.chance(0.3))
    return g.emit(kind, {other, x});
  return g.emit(kind, {x, other});
}

bool addInteger(Generator &g, Value *x) {
  DType dtype = x->type.dtype;
  if (!isInteger(dtype))
    return false;
  if (g.chance(0.12)) {
    DType to = g.pick<DType>({DType::I32, DType::I64, DType::I8, DType::U8, DType::F32});
    return g.emit(Cast, {x}, {{"to", to}});
  }
  if (g.chance(0.1) && isSigned(dtype))
    return g.emit(g.pick<OpKind>({Neg, Abs, Sign}), {x});
  OpKind kind = g.pick<OpKind>(
      {Add, Sub, Mul, Min, Max, Div, Mod, BitwiseAnd, BitwiseOr, BitwiseXor, Less, Equal});
  Value *other = secondOperand(g, x, isSigned(dtype) ? -20 : 0, 20);
  return g.emit(kind, {x, other});
}

namespace {

bool addReshape(Generator &g, Value *x) {
  const Dims &dims = x->dims();
  Dims shape;
  size_t cut = static_cast<size_t>(g.between(0, rankOf(x)));
  switch (g.between(0, 3)) {
  case 0: // flatten
    shape = {numElements(Dims(dims.begin(), dims.begin() + static_cast<ptrdiff_t>(cut))),
             numElements(Dims(dims.begin() + static_cast<ptrdiff_t>(cut), dims.end()))};
    break;
  case 1: // a new axis
    shape = dims;
    shape.insert(shape.begin() + static_cast<ptrdiff_t>(cut), 1);
    break;
  case 2: // without the axes of extent 1
    for (int64_t extent : dims)
      if (extent != 1)
        shape.push_back(extent);
    break;
  default: // split an axis
    for (int64_t extent : dims) {
      int64_t factor = g.between(2, 4);
      if (extent % factor == 0 && shape.size() < 5)
        shape.insert(shape.end(), {factor, extent / factor});
      else
        shape.push_back(extent);
    }
  }
  return shape.size() <= 5 && g.emit(Reshape, {x}, {{"shape", shape}});
}

bool addTranspose(Generator &g, Value *x) {
  std::vector<int64_t> perm(x->type.rank());
  for (size_t i = 0; i < perm.size(); ++i) {
    size_t at = static_cast<size_t>(g.between(0, static_cast<int64_t>(i)));
    perm[i] = perm[at];
    perm[at] = static_cast<int64_t>(i);
  }
  return g.emit(Transpose, {x}, {{"perm", perm}});
}

bool addSlice(Generator &g, Value *x) {
  Dims starts, sizes, steps;
  for (int64_t extent : x->dims()) {
    int64_t step = g.chance(0.7) ? 1 : g.chance(0.3) ? -1 : 2;
    int64_t start = g.chance(0.5) ? 0 : g.between(0, extent - 1);
    if (step < 0)
      start = extent - 1 - start;
    int64_t room = step < 0 ? start + 1 : (extent - start + step - 1) / step;
    starts.push_back(start);
    steps.push_back(step);
    sizes.push_back(g.chance(0.6) ? room : g.between(1, room));
  }
  return g.emit(Slice, {x}, {{"starts", starts}, {"sizes", sizes}, {"steps", steps}});
}

bool addConcat(Generator &g, Value *x) {
  if (rankOf(x) == 0)
    return false;
  std::vector<Value *> operands{x};
  int64_t axis = g.chance(0.6) && rankOf(x) > 1 ? 1 : g.between(0, rankOf(x) - 1);
  for (int64_t i = g.between(1, 2); i > 0; --i) {
    Value *other = g.pickLike(x, true);
    if (g.chance(0.2)) {
      Dims dims = x->dims();
      dims[static_cast<size_t>(axis)] = g.between(1, 5);
      other = g.constant(g.random(x->type.dtype, dims));
    }
    operands.insert(g.chance(0.5) ? operands.begin() : operands.end(), other);
  }
  return g.emit(Concat, operands, {{"axis", axis}});
}

bool addPad(Generator &g, Value *x) {
  std::vector<int64_t> pads(2 * x->type.rank());
  std::string mode = g.pick<std::string>({"constant", "constant", "reflect", "edge"});
  for (size_t i = 0; i < pads.size(); ++i) {
    int64_t extent = x->dims()[i % x->type.rank()];
    if (g.chance(0.4))
      pads[i] = std::min(g.between(0, 3), mode == "reflect" ? extent - 1 : int64_t{3});
  }
  std::vector<Value *> operands{x};
  if (mode == "constant" && g.chance(0.5))
    operands.push_back(scalar(g, x, 1));
  return g.emit(Pad, operands, {{"pads", pads}, {"mode", mode}});
}

bool addGather(Generator &g, Value *x) {
  if (rankOf(x) == 0)
    return false;
  int64_t axis = g.between(0, rankOf(x) - 1), extent = x->dims()[static_cast<size_t>(axis)];
  const Dims shapes[] = {{}, {3}, {2, 2}};
  Tensor indices = g.random(DType::I64, shapes[g.between(0, 2)], static_cast<double>(-extent),
                            static_cast<double>(extent - 1));
  Value *operand = g.chance(0.6) ? g.constant(indices) : g.input(indices);
  return g.emit(Gather, {x, operand}, {{"axis", axis}});
}

bool addResize(Generator &g, Value *x) {
  if (rankOf(x) != 4 || !isFloatValue(x))
    return false;
  int64_t fy = g.between(1, 2), fx = g.between(1, 3);
  const Dims &d = x->dims();
  bool isNearest = g.chance(0.5);
  return g.emit(
      Resize, {x},
      {{"sizes", Dims{d[0], d[1], d[2] * fy, d[3] * fx}},
       {"scales", std::vector<double>{1, 1, static_cast<double>(fy), static_cast<double>(fx)}},
       {"mode", std::string(isNearest ? "nearest" : "linear")},
       {"coordinate_mode", g.pick<std::string>({"asymmetric", "half_pixel"})},
       {"nearest_mode", std::string("floor")}});
}

bool addExpand(Generator &g, Value *x) {
  Dims shape = x->dims();
  for (int64_t &extent : shape)
    if (extent == 1)
      extent = g.between(1, 3);
  if (g.chance(0.3) && shape.size() < 5)
    shape.insert(shape.begin(), 2);
  return g.emit(Expand, {x}, {{"shape", shape}});
}

bool addTile(Generator &g, Value *x) {
  Dims repeats;
  for (size_t i = 0; i < x->type.rank(); ++i)
    repeats.push_back(g.chance(0.3) ? 2 : 1);
  return g.emit(Tile, {x}, {{"repeats", repeats}});
}

bool addDepthSpace(Generator &g, Value *x) {
  if (g.chance(0.5))
    return g.emit(SpaceToDepth, {x}, {{"blocksize", int64_t{2}}});
  return g.emit(DepthToSpace, {x},
                {{"blocksize", int64_t{2}}, {"mode", g.pick<std::string>({"DCR", "CRD"})}});
}

} // namespace

bool addMovement(Generator &g, Value *x) {
  using Maker = bool (*)(Generator &, Value *);
  static const std::vector<Maker> kMakers{
      addReshape, addReshape, addTranspose, addTranspose, addSlice,  addSlice, addConcat,
      addConcat,  addPad,     addGather,    addResize,    addExpand, addTile,  addDepthSpace};
  return g.pick(kMakers)(g, x);
}

bool addReduction(Generator &g, Value *x) {
  if (rankOf(x) == 0 || x->type.dtype == DType::Bool)
    return false;
  if (g.chance(0.08))
    return g.emit(CumSum, {x},
                  {{"axis", g.between(0, rankOf(x) - 1)},
                   {"exclusive", g.chance(0.3)},
                   {"reverse", g.chance(0.3)}});
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < rankOf(x); ++i)
    if (g.chance(0.5))
      axes.push_back(i);
  if (rankOf(x) == 4 && g.chance(0.4))
    axes = {2, 3};
  if (axes.empty())
    axes = {rankOf(x) - 1};
  OpKind kind = isFloatValue(x)
                    ? g.pick<OpKind>({ReduceMean, ReduceMean, ReduceSum, ReduceMax, ReduceMin,
                                      ReduceL1, ReduceL2, ReduceSumSquare, ReduceLogSumExp})
                    : g.pick<OpKind>({ReduceSum, ReduceMax, ReduceMin});
  if (g.known(x).error == 0 && g.chance(0.1))
    return g.emit(g.pick<OpKind>({ArgMax, ArgMin}), {x},
                  {{"axes", std::vector<int64_t>{axes[0]}}, {"keepdims", g.chance(0.5)}});
  return g.emit(kind, {x}, {{"axes", axes}, {"keepdims", g.chance(0.6)}});
}

} // namespace edgecc::test
