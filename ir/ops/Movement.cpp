// Ops that copy elements: reshaping, slicing, padding, rearranging.
#include "ir/ops/Infer.h"
#include "ir/ops/Registry.h"

#include <algorithm>

namespace edgecc::ops {

static OpDef &movement(std::vector<OpDef> &defs, OpKind kind, std::string name, std::string doc) {
  return declare(defs, kind, std::move(name))
      .describe(std::move(doc))
      .in("x", "T", kAny)
      .trait(OpTrait::DataMovement)
      .countFlops([](const Op &) { return int64_t{0}; });
}

static IterationSpace permuted(const Op &op) {
  const auto &perm = op.ints("perm");
  IterationSpace space;
  space.loops = parallelLoops(op.result()->dims());
  std::vector<AxisMap> x(perm.size());
  for (unsigned i = 0; i < perm.size(); ++i)
    x[static_cast<size_t>(perm[i])] = AxisMap::loop(i);
  space.operands = {std::move(x)};
  space.results = {identityMaps(op.result()->dims())};
  return space;
}

// Result axis i reads operand axis i at offset + i * step.
static IterationSpace shifted(const Op &op, const std::vector<int64_t> &offsets,
                              const std::vector<int64_t> &steps) {
  IterationSpace space;
  space.loops = parallelLoops(op.result()->dims());
  std::vector<AxisMap> x;
  for (unsigned i = 0; i < offsets.size(); ++i)
    x.push_back(AxisMap::loop(i, steps.empty() ? 1 : steps[i], offsets[i]));
  space.operands = {std::move(x)};
  space.operands.resize(op.numOperands());
  space.results = {identityMaps(op.result()->dims())};
  return space;
}

static bool slicesStayInside(const Op &op) {
  const Dims &x = dimsOf(op, 0);
  const auto &starts = op.ints("starts"), &sizes = op.ints("sizes"), &steps = op.ints("steps");
  if (starts.size() != x.size() || sizes.size() != x.size() || steps.size() != x.size())
    return false;
  for (size_t i = 0; i < x.size(); ++i) {
    if (sizes[i] < 0 || steps[i] == 0)
      return false;
    if (sizes[i] == 0)
      continue;
    int64_t last = 0;
    if (__builtin_mul_overflow(sizes[i] - 1, steps[i], &last) ||
        __builtin_add_overflow(starts[i], last, &last))
      return false;
    if (starts[i] < 0 || starts[i] >= x[i] || last < 0 || last >= x[i])
      return false;
  }
  return true;
}

static void declareReshapes(std::vector<OpDef> &defs) {
  movement(defs, OpKind::Reshape, "Reshape",
           "The same elements in row-major order under another shape.")
      .attr("shape", AttributeKind::Ints, "dims of the result, without 0 or -1 as wildcards")
      .require("the new shape holds as many elements",
               [](const Op &op) {
                 return allNonNegative(op.ints("shape")) &&
                        numElements(op.ints("shape")) == typeOf(op, 0).elements();
               })
      .result([](const Op &op) { return one(typeOf(op, 0).dtype, op.ints("shape")); });
  movement(defs, OpKind::Transpose, "Transpose", "Result axis i is operand axis perm[i].")
      .attr("perm", AttributeKind::Ints, "")
      .require("perm is a permutation of the axes of x",
               [](const Op &op) { return isPermutation(op.ints("perm"), typeOf(op, 0).rank()); })
      .maps(permuted)
      .result([](const Op &op) {
        Dims out;
        for (int64_t axis : op.ints("perm"))
          out.push_back(dimsOf(op, 0)[static_cast<size_t>(axis)]);
        return one(typeOf(op, 0).dtype, std::move(out));
      });
  movement(defs, OpKind::Expand, "Expand", "x broadcast to `shape`.")
      .attr("shape", AttributeKind::Ints, "dims of the result")
      .require("x broadcasts to shape",
               [](const Op &op) { return broadcastsTo(dimsOf(op, 0), op.ints("shape")); })
      .maps([](const Op &op) {
        IterationSpace space;
        space.loops = parallelLoops(op.result()->dims());
        space.operands = {broadcastMaps(dimsOf(op, 0), op.result()->dims())};
        space.results = {identityMaps(op.result()->dims())};
        return space;
      })
      .result([](const Op &op) { return one(typeOf(op, 0).dtype, op.ints("shape")); });
}

static void declareSlices(std::vector<OpDef> &defs) {
  movement(defs, OpKind::Slice, "Slice",
           "Result element i along each axis is operand element start + i * step.")
      .attr("starts", AttributeKind::Ints, "first element, one for each axis")
      .attr("sizes", AttributeKind::Ints, "number of elements, one for each axis")
      .attr("steps", AttributeKind::Ints, "distance, not 0, may be negative; one for each axis")
      .require("starts, sizes and steps have one entry for each axis and stay inside x",
               slicesStayInside)
      .maps([](const Op &op) { return shifted(op, op.ints("starts"), op.ints("steps")); })
      .result([](const Op &op) { return one(typeOf(op, 0).dtype, op.ints("sizes")); });
  declare(defs, OpKind::Concat, "Concat")
      .describe("The operands one after the other along an axis.")
      .variadicIn("xs", "T", kAny)
      .attr("axis", AttributeKind::Int, "")
      .trait(OpTrait::DataMovement)
      .countFlops([](const Op &) { return int64_t{0}; })
      .require("the operands agree in all axes but `axis`",
               [](const Op &op) {
                 if (!isAxis(op.integer("axis"), typeOf(op, 0).rank()))
                   return false;
                 for (unsigned i = 1; i < op.numOperands(); ++i) {
                   Dims dims = dimsOf(op, i);
                   if (dims.size() != dimsOf(op, 0).size())
                     return false;
                   size_t axis = static_cast<size_t>(op.integer("axis"));
                   dims[axis] = dimsOf(op, 0)[axis];
                   if (dims != dimsOf(op, 0))
                     return false;
                 }
                 return true;
               })
      .result([](const Op &op) {
        Dims out = dimsOf(op, 0);
        size_t axis = static_cast<size_t>(op.integer("axis"));
        for (unsigned i = 1; i < op.numOperands(); ++i)
          out[axis] += dimsOf(op, i)[axis];
        return one(typeOf(op, 0).dtype, std::move(out));
      });
  movement(defs, OpKind::Pad, "Pad", "x with elements added around it.")
      .optionalIn("value", "T", kAny, "scalar fill value of mode constant; absent: 0")
      .attr("pads", AttributeKind::Ints, "the low sides of all axes, then the high sides")
      .attr("mode", std::string("constant"), "constant, reflect, edge or wrap")
      .require("pads has two non-negative entries for each axis",
               [](const Op &op) {
                 return op.ints("pads").size() == 2 * typeOf(op, 0).rank() &&
                        allNonNegative(op.ints("pads"));
               })
      .require("mode is constant, reflect, edge or wrap",
               [](const Op &op) {
                 const auto &mode = op.text("mode");
                 return mode == "constant" || mode == "reflect" || mode == "edge" || mode == "wrap";
               })
      .require("modes other than constant need elements to repeat",
               [](const Op &op) {
                 return op.text("mode") == "constant" || typeOf(op, 0).elements() > 0;
               })
      .require("the fill value is a scalar",
               [](const Op &op) { return !op.operand(1) || typeOf(op, 1).elements() == 1; })
      .maps([](const Op &op) {
        std::vector<int64_t> offsets;
        for (size_t i = 0; i < typeOf(op, 0).rank(); ++i)
          offsets.push_back(-op.ints("pads")[i]);
        IterationSpace space = shifted(op, offsets, {});
        if (op.text("mode") != "constant")
          for (AxisMap &map : space.operands[0])
            map = AxisMap::all();
        return space;
      })
      .result([](const Op &op) {
        Dims out = dimsOf(op, 0);
        for (size_t i = 0; i < out.size(); ++i)
          out[i] += op.ints("pads")[i] + op.ints("pads")[out.size() + i];
        return one(typeOf(op, 0).dtype, std::move(out));
      });
  movement(defs, OpKind::Tile, "Tile", "x repeated along each axis.")
      .attr("repeats", AttributeKind::Ints, "one for each axis")
      .require("repeats has one non-negative entry for each axis",
               [](const Op &op) {
                 return op.ints("repeats").size() == typeOf(op, 0).rank() &&
                        allNonNegative(op.ints("repeats"));
               })
      .result([](const Op &op) {
        Dims out = dimsOf(op, 0);
        for (size_t i = 0; i < out.size(); ++i)
          out[i] *= op.ints("repeats")[i];
        return one(typeOf(op, 0).dtype, std::move(out));
      });
}

static void declareRearrangements(std::vector<OpDef> &defs) {
  movement(defs, OpKind::DepthToSpace, "DepthToSpace",
           "Pixel shuffle: blocks of channels become blocksize x blocksize squares of pixels.")
      .attr("blocksize", AttributeKind::Int, "")
      .attr("mode", std::string("DCR"),
            "DCR: channel = (by * blocksize + bx) * C' + c; CRD: (c * blocksize + by) * blocksize "
            "+ bx")
      .require("x is [N, C, H, W], blocksize positive, C divisible by blocksize^2",
               [](const Op &op) {
                 int64_t b = op.integer("blocksize");
                 return typeOf(op, 0).rank() == 4 && b > 0 && b < 65536 &&
                        dimsOf(op, 0)[1] % (b * b) == 0;
               })
      .require("mode is DCR or CRD",
               [](const Op &op) { return op.text("mode") == "DCR" || op.text("mode") == "CRD"; })
      .result([](const Op &op) {
        int64_t b = op.integer("blocksize");
        const Dims &x = dimsOf(op, 0);
        return one(typeOf(op, 0).dtype, {x[0], x[1] / (b * b), x[2] * b, x[3] * b});
      });
  movement(defs, OpKind::SpaceToDepth, "SpaceToDepth",
           "Squares of pixels become blocks of channels: channel = (by * blocksize + bx) * C + c.")
      .attr("blocksize", AttributeKind::Int, "")
      .require("x is [N, C, H, W], blocksize positive, H and W divisible by it",
               [](const Op &op) {
                 int64_t b = op.integer("blocksize");
                 return typeOf(op, 0).rank() == 4 && b > 0 && b < 65536 &&
                        dimsOf(op, 0)[2] % b == 0 && dimsOf(op, 0)[3] % b == 0;
               })
      .result([](const Op &op) {
        int64_t b = op.integer("blocksize");
        const Dims &x = dimsOf(op, 0);
        return one(typeOf(op, 0).dtype, {x[0], x[1] * b * b, x[2] / b, x[3] / b});
      });
  declare(defs, OpKind::Trilu, "Trilu")
      .describe("Keeps the upper (or lower) triangle of the last two axes: column - row >= k (<= k "
                "for the lower); all else is 0.")
      .in("x", "T", kAny)
      .attr("upper", true, "")
      .attr("k", int64_t{0}, "the diagonal")
      .require("x has rank 2 or more", [](const Op &op) { return typeOf(op, 0).rank() >= 2; })
      .result(sameAsFirst);
  movement(defs, OpKind::ReverseSequence, "ReverseSequence",
           "Reverses the first lengths[b] elements along the time axis for each batch entry b.")
      .in("lengths", "", setOf(DType::I64), "[batch]")
      .attr("batch_axis", AttributeKind::Int, "0 or 1")
      .attr("time_axis", AttributeKind::Int, "0 or 1")
      .require(
          "the axes are 0 and 1 in either order and lengths has one entry for each batch entry",
          [](const Op &op) {
            int64_t b = op.integer("batch_axis"), t = op.integer("time_axis");
            return typeOf(op, 0).rank() >= 2 && b + t == 1 && (b == 0 || b == 1) &&
                   dimsOf(op, 1) == Dims{dimsOf(op, 0)[static_cast<size_t>(b)]};
          })
      .result(sameAsFirst);
  declare(defs, OpKind::OneHot, "OneHot")
      .describe("values[1] where the position along the new axis equals the index (negative ones "
                "count from the end), else values[0].")
      .in("indices", "", kNumbers)
      .in("values", "T", kAny, "[2]: off and on value")
      .attr("depth", AttributeKind::Int, "extent of the new axis")
      .attr("axis", AttributeKind::Int, "where the new axis stands in the result")
      .require("depth is not negative, axis at most the rank, values has two entries",
               [](const Op &op) {
                 return op.integer("depth") >= 0 &&
                        isAxis(op.integer("axis"), typeOf(op, 0).rank() + 1) &&
                        typeOf(op, 1).elements() == 2;
               })
      .result([](const Op &op) {
        Dims out = dimsOf(op, 0);
        out.insert(out.begin() + op.integer("axis"), op.integer("depth"));
        return one(typeOf(op, 1).dtype, std::move(out));
      });
}

void declareMovement(std::vector<OpDef> &defs) {
  declareReshapes(defs);
  declareSlices(defs);
  declareRearrangements(defs);
}

} // namespace edgecc::ops
