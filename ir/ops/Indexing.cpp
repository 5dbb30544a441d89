// Data-dependent indexing, sorting, selection. An index outside its axis is an error at run time.
#include "ir/ops/Infer.h"
#include "ir/ops/Registry.h"

#include <algorithm>

namespace edgecc::ops {

constexpr DTypeSet kIndexTypes = setOf(DType::I32, DType::I64);

static Type bounded(DType dtype, Dims dims, unsigned axis) {
  Type type = dense(dtype, std::move(dims));
  type.boundedAxes = 1u << axis;
  return type;
}

static bool axisInRank(const Op &op) { return isAxis(op.integer("axis"), typeOf(op, 0).rank()); }

static bool isReductionName(const Op &op) {
  const auto &name = op.text("reduction");
  return name == "none" || name == "add" || name == "mul" || name == "max" || name == "min";
}

static void declareGathers(std::vector<OpDef> &defs) {
  declare(defs, OpKind::Gather, "Gather")
      .describe("Slices of x along an axis, picked by indices (negative ones count from the end).")
      .in("x", "T", kAny)
      .in("indices", "", kIndexTypes)
      .attr("axis", int64_t{0}, "")
      .require("axis is within the rank of x", axisInRank)
      .result([](const Op &op) {
        Dims out = dimsOf(op, 0);
        auto at = out.erase(out.begin() + op.integer("axis"));
        out.insert(at, dimsOf(op, 1).begin(), dimsOf(op, 1).end());
        return one(typeOf(op, 0).dtype, std::move(out));
      });
  declare(defs, OpKind::GatherElements, "GatherElements")
      .describe("y[i, j, ...] = x at the same position but indices[i, j, ...] along the axis.")
      .in("x", "T", kAny)
      .in("indices", "", kIndexTypes)
      .attr("axis", int64_t{0}, "")
      .require("axis is within the rank of x", axisInRank)
      .require("indices has the rank of x and reaches no further along the other axes",
               [](const Op &op) {
                 if (typeOf(op, 0).rank() != typeOf(op, 1).rank())
                   return false;
                 for (unsigned i = 0; i < typeOf(op, 0).rank(); ++i)
                   if (i != static_cast<unsigned>(op.integer("axis")) &&
                       dimsOf(op, 1)[i] > dimsOf(op, 0)[i])
                     return false;
                 return true;
               })
      .result([](const Op &op) { return one(typeOf(op, 0).dtype, dimsOf(op, 1)); });
  declare(defs, OpKind::GatherND, "GatherND")
      .describe("Slices of x picked by index tuples along the last axis of indices.")
      .in("x", "T", kAny)
      .in("indices", "", kIndexTypes)
      .attr("batch_dims", int64_t{0}, "leading axes that x and indices share")
      .require("batch_dims leading axes agree and the tuples fit the remaining rank of x",
               [](const Op &op) {
                 int64_t b = op.integer("batch_dims");
                 const Dims &x = dimsOf(op, 0), &indices = dimsOf(op, 1);
                 if (b < 0 || indices.empty() || b >= static_cast<int64_t>(indices.size()) ||
                     b > static_cast<int64_t>(x.size()))
                   return false;
                 return std::equal(x.begin(), x.begin() + b, indices.begin()) &&
                        indices.back() <= static_cast<int64_t>(x.size()) - b;
               })
      .result([](const Op &op) {
        const Dims &x = dimsOf(op, 0), &indices = dimsOf(op, 1);
        Dims out(indices.begin(), indices.end() - 1);
        out.insert(out.end(), x.begin() + op.integer("batch_dims") + indices.back(), x.end());
        return one(typeOf(op, 0).dtype, std::move(out));
      });
}

static void declareScatters(std::vector<OpDef> &defs) {
  declare(defs, OpKind::ScatterElements, "ScatterElements")
      .describe("A copy of x in which element indices[i, j, ...] along the axis becomes (or is "
                "combined with) updates[i, j, ...], in row-major order of updates.")
      .in("x", "T", kAny)
      .in("indices", "", kIndexTypes)
      .in("updates", "T", kAny)
      .attr("axis", int64_t{0}, "")
      .attr("reduction", std::string("none"), "none, add, mul, max or min")
      .require("axis is within the rank of x", axisInRank)
      .require("reduction is none, add, mul, max or min", isReductionName)
      .require("updates has the dims of indices, with the rank of x",
               [](const Op &op) {
                 if (dimsOf(op, 1) != dimsOf(op, 2) || typeOf(op, 0).rank() != typeOf(op, 1).rank())
                   return false;
                 for (unsigned i = 0; i < typeOf(op, 0).rank(); ++i)
                   if (i != static_cast<unsigned>(op.integer("axis")) &&
                       dimsOf(op, 1)[i] > dimsOf(op, 0)[i])
                     return false;
                 return true;
               })
      .result(sameAsFirst);
  declare(defs, OpKind::ScatterND, "ScatterND")
      .describe("A copy of x in which the slices at the index tuples become (or are combined with) "
                "the updates, in row-major order.")
      .in("x", "T", kAny)
      .in("indices", "", kIndexTypes)
      .in("updates", "T", kAny)
      .attr("reduction", std::string("none"), "none, add, mul, max or min")
      .require("reduction is none, add, mul, max or min", isReductionName)
      .require("updates is indices' leading dims followed by the dims of the slices",
               [](const Op &op) {
                 const Dims &x = dimsOf(op, 0), &indices = dimsOf(op, 1);
                 if (indices.empty() || indices.back() > static_cast<int64_t>(x.size()))
                   return false;
                 Dims want(indices.begin(), indices.end() - 1);
                 want.insert(want.end(), x.begin() + indices.back(), x.end());
                 return want == dimsOf(op, 2);
               })
      .result(sameAsFirst);
}

static void declareSelections(std::vector<OpDef> &defs) {
  declare(defs, OpKind::TopK, "TopK")
      .describe("The k largest (or smallest) elements along an axis, best first, and their "
                "positions; of equal ones the lower position comes first.")
      .in("x", "T", kNumbers)
      .attr("k", AttributeKind::Int, "")
      .attr("axis", AttributeKind::Int, "")
      .attr("largest", true, "")
      .outs(2, 2)
      .require("axis is within the rank of x", axisInRank)
      .require("k is between 0 and the extent of the axis",
               [](const Op &op) {
                 return op.integer("k") >= 0 &&
                        op.integer("k") <= dimsOf(op, 0)[static_cast<size_t>(op.integer("axis"))];
               })
      .result([](const Op &op) {
        Dims out = dimsOf(op, 0);
        out[static_cast<size_t>(op.integer("axis"))] = op.integer("k");
        return Expected<Types>(Types{dense(typeOf(op, 0).dtype, out), dense(DType::I64, out)});
      });
  declare(defs, OpKind::NonZero, "NonZero")
      .describe("Positions of the elements that are not zero, in row-major order: [rank, count].")
      .in("x", "T", kNumbers | kBool)
      .result([](const Op &op) {
        return Expected<Types>(
            Types{bounded(DType::I64, {typeOf(op, 0).rank(), typeOf(op, 0).elements()}, 1)});
      });
  declare(defs, OpKind::NonMaxSuppression, "NonMaxSuppression")
      .describe("Greedy suppression of overlapping boxes, per batch and class; rows are (batch, "
                "class, box).")
      .in("boxes", "", setOf(DType::F32), "[batch, boxes, 4]")
      .in("scores", "", setOf(DType::F32), "[batch, classes, boxes]")
      .optionalIn("iou_threshold", "", setOf(DType::F32), "scalar; absent: 0")
      .optionalIn("score_threshold", "", setOf(DType::F32), "scalar; absent: no threshold")
      .attr("max_boxes", AttributeKind::Int, "selected boxes per batch and class")
      .attr("center_point_box", false, "boxes are x, y, width, height instead of two corners")
      .require("boxes is [batch, boxes, 4] and scores [batch, classes, boxes]",
               [](const Op &op) {
                 return typeOf(op, 0).rank() == 3 && typeOf(op, 1).rank() == 3 &&
                        dimsOf(op, 0)[2] == 4 && dimsOf(op, 0)[0] == dimsOf(op, 1)[0] &&
                        dimsOf(op, 0)[1] == dimsOf(op, 1)[2];
               })
      .require("max_boxes is not negative",
               [](const Op &op) { return op.integer("max_boxes") >= 0; })
      .countFlops([](const Op &op) {
        // Every box against every box that has been selected.
        const Dims &scores = dimsOf(op, 1);
        return saturatingMul(typeOf(op, 1).elements(),
                             8 * std::min(scores[2], op.integer("max_boxes")));
      })
      .result([](const Op &op) {
        const Dims &scores = dimsOf(op, 1);
        int64_t most = scores[0] * scores[1] * std::min(scores[2], op.integer("max_boxes"));
        return Expected<Types>(Types{bounded(DType::I64, {most, 3}, 0)});
      });
  declare(defs, OpKind::Compress, "Compress")
      .describe("The slices along an axis whose condition holds; without axis, of the flattened x.")
      .in("x", "T", kAny)
      .in("condition", "", kBool, "at most as long as the axis; missing entries are false")
      .attr("axis", int64_t{-1}, "-1: flatten x first")
      .require("axis is -1 or within the rank of x",
               [](const Op &op) { return op.integer("axis") == -1 || axisInRank(op); })
      .require("condition is one-dimensional and no longer than the axis",
               [](const Op &op) {
                 int64_t axis = op.integer("axis");
                 int64_t extent =
                     axis < 0 ? typeOf(op, 0).elements() : dimsOf(op, 0)[static_cast<size_t>(axis)];
                 return typeOf(op, 1).rank() == 1 && dimsOf(op, 1)[0] <= extent;
               })
      .result([](const Op &op) {
        int64_t axis = op.integer("axis");
        Dims out = axis < 0 ? Dims{typeOf(op, 0).elements()} : dimsOf(op, 0);
        unsigned at = axis < 0 ? 0 : static_cast<unsigned>(axis);
        out[at] = dimsOf(op, 1)[0];
        return Expected<Types>(Types{bounded(typeOf(op, 0).dtype, std::move(out), at)});
      });
  declare(defs, OpKind::Unique, "Unique")
      .describe("Distinct elements (or slices along an axis); further results: position of the "
                "first occurrence of each, for each element the number of its distinct value, and "
                "how often each occurs.")
      .in("x", "T", kNumbers | kBool)
      .attr("axis", int64_t{-1}, "-1: flatten x first")
      .attr("sorted", true, "ascending; else in order of first occurrence")
      .outs(1, 4)
      .require("axis is -1 or within the rank of x",
               [](const Op &op) { return op.integer("axis") == -1 || axisInRank(op); })
      .result([](const Op &op) {
        int64_t axis = op.integer("axis");
        Dims out = axis < 0 ? Dims{typeOf(op, 0).elements()} : dimsOf(op, 0);
        unsigned at = axis < 0 ? 0 : static_cast<unsigned>(axis);
        int64_t count = out[at];
        return Expected<Types>(Types{bounded(typeOf(op, 0).dtype, std::move(out), at),
                                     bounded(DType::I64, {count}, 0), dense(DType::I64, {count}),
                                     bounded(DType::I64, {count}, 0)});
      });
}

void declareIndexing(std::vector<OpDef> &defs) {
  declareGathers(defs);
  declareScatters(defs);
  declareSelections(defs);
}

} // namespace edgecc::ops
