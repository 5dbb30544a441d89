// Gathers, scatters, sorting and selection.
#include "frontend/onnx/ops/Emit.h"
#include "frontend/onnx/ops/OpTable.h"

namespace edgecc::importer {
namespace {

int64_t axisOf(NodeContext &n, Value *x, int64_t absent) {
  return normalizedAxis(n, n.intAttribute("axis", absent), x->dims().size());
}

template <OpKind kind> void importGather(NodeContext &n) {
  Value *x = n.input(0);
  n.setOutput(0, n.emit(kind, {x, n.input(1)}, {{"axis", axisOf(n, x, 0)}}));
}

void importGatherND(NodeContext &n) {
  n.setOutput(0, n.emit(OpKind::GatherND, {n.input(0), n.input(1)},
                        {{"batch_dims", n.intAttribute("batch_dims", 0)}}));
}

void importScatterElements(NodeContext &n) {
  Value *x = n.input(0);
  n.setOutput(0, n.emit(OpKind::ScatterElements, {x, n.input(1), n.input(2)},
                        {{"axis", axisOf(n, x, 0)},
                         {"reduction", n.stringAttribute("reduction", "none")}}));
}

void importScatterND(NodeContext &n) {
  n.setOutput(0, n.emit(OpKind::ScatterND, {n.input(0), n.input(1), n.input(2)},
                        {{"reduction", n.stringAttribute("reduction", "none")}}));
}

// Up to opset 9 k is an attribute.
void importTopK(NodeContext &n) {
  Value *x = n.input(0);
  int64_t k = 0;
  if (n.hasAttribute("k"))
    k = n.intAttribute("k", 0);
  else if (auto given = n.requireInts(1, "k"); given.size() == 1)
    k = given[0];
  else
    n.fail("k must be one number");
  auto results =
      n.emitAll(OpKind::TopK, {x},
                {{"k", k}, {"axis", axisOf(n, x, -1)}, {"largest", n.flag("largest", true)}});
  n.setOutput(0, results[0]);
  n.setOutput(1, results[1]);
}

void importNonZero(NodeContext &n) { n.setOutput(0, n.emit(OpKind::NonZero, {n.input(0)})); }

void importNonMaxSuppression(NodeContext &n) {
  int64_t maxBoxes = 0;
  if (n.hasInput(2)) {
    auto given = n.requireInts(2, "max_output_boxes_per_class");
    maxBoxes = given.size() == 1 ? std::max<int64_t>(given[0], 0) : 0;
  }
  auto scalarOf = [&](unsigned i) {
    Value *value = n.optionalInput(i);
    return value ? reshape(n, value, {}) : nullptr;
  };
  n.setOutput(
      0,
      n.emit(OpKind::NonMaxSuppression, {n.input(0), n.input(1), scalarOf(3), scalarOf(4)},
             {{"max_boxes", maxBoxes}, {"center_point_box", n.flag("center_point_box", false)}}));
}

// The axis of an op that flattens its operand when the axis is left out.
int64_t axisOrFlat(NodeContext &n, Value *x) {
  return n.hasAttribute("axis") ? axisOf(n, x, 0) : -1;
}

void importCompress(NodeContext &n) {
  Value *x = n.input(0);
  n.setOutput(0, n.emit(OpKind::Compress, {x, n.input(1)}, {{"axis", axisOrFlat(n, x)}}));
}

void importUnique(NodeContext &n) {
  Value *x = n.input(0);
  auto results = n.emitAll(OpKind::Unique, {x},
                           {{"axis", axisOrFlat(n, x)}, {"sorted", n.flag("sorted", true)}});
  for (unsigned i = 0; i < results.size(); ++i)
    n.setOutput(i, results[i]);
}

} // namespace

void addIndexingOps(OpTable &table) {
  table.add("Compress", importCompress);
  table.add("Gather", importGather<OpKind::Gather>);
  table.add("GatherElements", importGather<OpKind::GatherElements>);
  table.add("GatherND", importGatherND);
  table.add("NonMaxSuppression", importNonMaxSuppression);
  table.add("NonZero", importNonZero);
  table.add("Scatter", importScatterElements); // its name up to opset 10
  table.add("ScatterElements", importScatterElements);
  table.add("ScatterND", importScatterND);
  table.add("TopK", importTopK);
  table.add("Unique", importUnique);
}

} // namespace edgecc::importer
