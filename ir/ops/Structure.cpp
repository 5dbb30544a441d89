// Parameters, block ends, regions, layout changes.
#include "ir/ops/Infer.h"
#include "ir/ops/Registry.h"

#include "ir/Module.h"

namespace edgecc::ops {

static Type logical(const Type &type) {
  Type out = type;
  out.layout.reset();
  return out;
}

static Expected<Types> ifResult(const Op &op) {
  const auto &a = op.region(0).yields(), &b = op.region(1).yields();
  if (a.size() != b.size())
    return error("the branches of If yield different numbers of values", op.location);
  Types types;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!sameLogicalType(a[i]->type, b[i]->type))
      return error("the branches of If yield different types: " + a[i]->type.str() + " and " +
                       b[i]->type.str(),
                   op.location, "make both branches produce the same shape");
    types.push_back(logical(a[i]->type));
  }
  return types;
}

// Region arguments: iteration (i64 scalar), condition (bool scalar), carried...; yields: condition,
// carried..., one slice for each stacked result.
static Expected<Types> loopResult(const Op &op) {
  const Block &body = op.region(0);
  size_t carried = op.numOperands() - 1;
  if (body.numArguments() != carried + 2 || body.yields().size() < carried + 1)
    return error("the body of Loop must take (iteration, condition, carried...) and yield "
                 "(condition, carried..., stacked...)",
                 op.location);
  Types types;
  for (size_t i = 0; i < carried; ++i) {
    const Type &in = op.operand(static_cast<unsigned>(i + 1))->type;
    if (!sameLogicalType(in, body.yields()[i + 1]->type) ||
        !sameLogicalType(in, body.argument(static_cast<unsigned>(i + 2))->type))
      return error("a carried value of Loop changes its type: " + in.str() + " becomes " +
                       body.yields()[i + 1]->type.str(),
                   op.location, "only loops over static shapes are supported");
    types.push_back(logical(in));
  }
  for (size_t i = carried + 1; i < body.yields().size(); ++i) {
    Type slice = logical(body.yields()[i]->type);
    slice.dims.insert(slice.dims.begin(), op.integer("max_trips"));
    slice.boundedAxes = (slice.boundedAxes << 1) | (op.flag("fixed_trips") ? 0u : 1u);
    types.push_back(std::move(slice));
  }
  return types;
}

// Region arguments: states..., one slice of each scanned operand; yields: states..., slices.
static Expected<Types> scanResult(const Op &op) {
  const Block &body = op.region(0);
  size_t scans = static_cast<size_t>(op.integer("num_scans"));
  size_t states = op.numOperands() - scans;
  if (body.numArguments() != op.numOperands() || body.yields().size() < states)
    return error("the body of Scan must take (states..., slices...) and yield (states..., "
                 "slices...)",
                 op.location);
  int64_t length = dimsOf(op, static_cast<unsigned>(states)).at(0);
  Types types;
  for (size_t i = 0; i < states; ++i) {
    if (!sameLogicalType(typeOf(op, static_cast<unsigned>(i)), body.yields()[i]->type))
      return error("a state of Scan changes its type", op.location);
    types.push_back(logical(typeOf(op, static_cast<unsigned>(i))));
  }
  for (size_t i = states; i < body.yields().size(); ++i) {
    Type slice = logical(body.yields()[i]->type);
    slice.dims.insert(slice.dims.begin(), length);
    types.push_back(std::move(slice));
  }
  return types;
}

static void declareControlFlow(std::vector<OpDef> &defs) {
  declare(defs, OpKind::If, "If")
      .describe("Runs one of two regions, which take no arguments and may use values from outside.")
      .in("condition", "", kBool, "scalar")
      .withRegions(2)
      .outs(0, ~0u)
      .require("condition has one element",
               [](const Op &op) { return typeOf(op, 0).elements() == 1; })
      .result(ifResult);
  declare(defs, OpKind::Loop, "Loop")
      .describe("Runs its region while the condition holds, at most max_trips times. Results: "
                "carried values, then the yielded slices stacked along a new first axis.")
      .in("condition", "", kBool, "scalar: whether to run the first trip")
      .variadicIn("carried", "", kAny)
      .attr("max_trips", AttributeKind::Int, "")
      .attr("fixed_trips", AttributeKind::Flag,
            "the body runs exactly max_trips times: no condition ends it early")
      .withRegions(1)
      .outs(0, ~0u)
      .require("max_trips is not negative",
               [](const Op &op) { return op.integer("max_trips") >= 0; })
      .require("condition has one element",
               [](const Op &op) { return typeOf(op, 0).elements() == 1; })
      .result(loopResult);
  // A Loop may carry nothing.
  defs.back().operands.back().optional = true;
  declare(defs, OpKind::Scan, "Scan")
      .describe("Runs its region once for each slice along the first axis of the scanned operands. "
                "Results: last states, then the yielded slices stacked along a new first axis.")
      .variadicIn("values", "", kAny, "states, then scanned operands")
      .attr("num_scans", AttributeKind::Int, "number of scanned operands, the last ones")
      .attr("reverse_inputs", std::vector<int64_t>{}, "1 for each scanned operand read backwards")
      .attr("reverse_outputs", std::vector<int64_t>{}, "1 for each stacked result filled backwards")
      .withRegions(1)
      .outs(0, ~0u)
      .require("there is a scanned operand and all have the same first extent",
               [](const Op &op) {
                 int64_t n = op.integer("num_scans");
                 if (n < 1 || n > op.numOperands())
                   return false;
                 for (unsigned i = op.numOperands() - static_cast<unsigned>(n);
                      i < op.numOperands(); ++i)
                   if (typeOf(op, i).rank() < 1 ||
                       dimsOf(op, i)[0] != dimsOf(op, op.numOperands() - 1)[0])
                     return false;
                 return true;
               })
      .result(scanResult);
}

void declareStructure(std::vector<OpDef> &defs) {
  declare(defs, OpKind::Param, "Param")
      .describe("Yields a parameter of the module.")
      .countFlops([](const Op &) { return int64_t{0}; })
      .result([](const Op &op) { return Expected<Types>(Types{op.parameter->content.type()}); });
  declare(defs, OpKind::Yield, "Yield")
      .describe("Ends a block; its operands leave the block.")
      .variadicIn("values", "", kAny)
      .trait(OpTrait::Terminator)
      .outs(0, 0)
      .countFlops([](const Op &) { return int64_t{0}; })
      .result([](const Op &) { return Expected<Types>(Types{}); });
  defs.back().operands.back().optional = true; // a block may yield nothing
  declare(defs, OpKind::Fused, "Fused")
      .describe("An isolated group of ops that run as one loop nest: at most one anchor "
                "(contraction, pooling, reduction...) with element-wise ops after it. Region "
                "arguments are the operands.")
      .variadicIn("values", "", kAny)
      .attr("anchor", std::string(), "name of the op that shapes the loops; empty: element-wise")
      .trait(OpTrait::LoweredOnly)
      .withRegions(1)
      .outs(1, ~0u)
      .require("the region takes one argument for each operand, of its type",
               [](const Op &op) {
                 if (op.region(0).numArguments() != op.numOperands())
                   return false;
                 for (unsigned i = 0; i < op.numOperands(); ++i)
                   if (!op.operand(i) ||
                       !sameLogicalType(op.operand(i)->type, op.region(0).argument(i)->type))
                     return false;
                 return true;
               })
      .result([](const Op &op) {
        Types types;
        for (const Value *value : op.region(0).yields())
          types.push_back(logical(value->type));
        return Expected<Types>(types);
      });
  defs.back().operands.back().optional = true;
  declare(defs, OpKind::Reorder, "Reorder")
      .describe("The same logical tensor in another memory layout.")
      .in("x", "T", kAny)
      .attr("order", AttributeKind::Ints, "logical axes from outermost to innermost")
      .attr("halo_low", std::vector<int64_t>{}, "zeros before each logical axis")
      .attr("halo_high", std::vector<int64_t>{}, "zeros after each logical axis")
      .trait(OpTrait::LoweredOnly)
      .trait(OpTrait::DataMovement)
      .countFlops([](const Op &) { return int64_t{0}; })
      .require("order is a permutation of the axes of x",
               [](const Op &op) { return isPermutation(op.ints("order"), typeOf(op, 0).rank()); })
      .require("halos are absent or have one non-negative entry for each axis",
               [](const Op &op) {
                 for (const char *name : {"halo_low", "halo_high"})
                   if (!op.ints(name).empty() && (op.ints(name).size() != typeOf(op, 0).rank() ||
                                                  !allNonNegative(op.ints(name))))
                     return false;
                 return true;
               })
      .result([](const Op &op) {
        Type type = logical(typeOf(op, 0));
        Layout layout;
        for (int64_t axis : op.ints("order"))
          layout.order.push_back(static_cast<int>(axis));
        layout.haloLow = op.ints("halo_low");
        layout.haloHigh = op.ints("halo_high");
        type.layout = std::move(layout);
        return Expected<Types>(Types{type});
      });
  declareControlFlow(defs);
}

} // namespace edgecc::ops
