// Reductions and prefix sums.
#include "frontend/onnx/ops/Emit.h"
#include "frontend/onnx/ops/OpTable.h"

namespace edgecc::importer {
namespace {

// The axes are an attribute in old opsets (ReduceSum up to 12, the others up to 17). None given
// means all, unless noop_with_empty_axes asks for none.
template <OpKind kind> void importReduce(NodeContext &n) {
  Value *x = n.input(0);
  size_t rank = x->dims().size();
  std::vector<int64_t> axes = n.intsFrom("axes", 1, "the axes").value_or(std::vector<int64_t>{});
  if (axes.empty() && !n.flag("noop_with_empty_axes", false))
    axes = allAxes(rank);
  n.setOutput(
      0, reduce(n, kind, x, normalizedAxes(n, std::move(axes), rank), n.flag("keepdims", true)));
}

template <OpKind kind> void importArg(NodeContext &n) {
  Value *x = n.input(0);
  int64_t axis = normalizedAxis(n, n.intAttribute("axis", 0), x->dims().size());
  n.setOutput(0, n.emit(kind, {x},
                        {{"axes", std::vector<int64_t>{axis}},
                         {"keepdims", n.flag("keepdims", true)},
                         {"select_last_index", n.flag("select_last_index", false)}}));
}

template <OpKind kind> void importPrefix(NodeContext &n) {
  Value *x = n.input(0);
  auto axis = n.requireInts(1, "the axis");
  if (axis.size() != 1)
    n.fail("the axis must be one number");
  n.setOutput(0, n.emit(kind, {x},
                        {{"axis", normalizedAxis(n, axis[0], x->dims().size())},
                         {"exclusive", n.flag("exclusive", false)},
                         {"reverse", n.flag("reverse", false)}}));
}

} // namespace

void addReductionOps(OpTable &table) {
  using enum OpKind;
  table.add("ArgMax", importArg<ArgMax>);
  table.add("ArgMin", importArg<ArgMin>);
  table.add("CumProd", importPrefix<CumProd>);
  table.add("CumSum", importPrefix<CumSum>);
  table.add("ReduceL1", importReduce<ReduceL1>);
  table.add("ReduceL2", importReduce<ReduceL2>);
  table.add("ReduceLogSum", importReduce<ReduceLogSum>);
  table.add("ReduceLogSumExp", importReduce<ReduceLogSumExp>);
  table.add("ReduceMax", importReduce<ReduceMax>);
  table.add("ReduceMean", importReduce<ReduceMean>);
  table.add("ReduceMin", importReduce<ReduceMin>);
  table.add("ReduceProd", importReduce<ReduceProd>);
  table.add("ReduceSum", importReduce<ReduceSum>);
  table.add("ReduceSumSquare", importReduce<ReduceSumSquare>);
}

} // namespace edgecc::importer
