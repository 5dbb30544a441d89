#include "backends/native/winograd/Emit.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace edgecc::native {

std::string WinogradPlan::str() const {
  return fmt::format("Winograd {}x{}", y.outputs, x.outputs);
}

namespace {

int64_t roundUp(int64_t bytes) { return (bytes + 63) / 64 * 64; }

// Vectors may be read past the last element.
constexpr int64_t kSlack = 64;

// Parts of the scratch, in bytes.
struct Layout {
  int64_t transformed = 0, products = 0, output = 0, total = 0;

  Layout(const Contraction &c, const WinogradPlan &plan, const NativeTarget &target) {
    if (!plan.split)
      products = roundUp(plan.inputFloats() * 4 + kSlack);
    // Tiles at the border are copied before the first product is computed.
    int64_t border = plan.split ? 0 : plan.borderFloats();
    output = products + roundUp(std::max(plan.productFloats(), border) * 4 + kSlack);
    total = output + roundUp(outputScratchBytes(c, plan, target));
  }
};

// Work units in order: group, block, then panel of columns (a unit of its own if split).
class UnitEmitter {
public:
  UnitEmitter(KernelEmitter &e, const Contraction &c, const WinogradPlan &plan)
      : e_(e), c_(c), plan_(plan) {}

  // Transforms, multiplies and transforms back.
  void emitWhole() {
    Layout layout(c_, plan_, e_.target);
    overUnits([&](llvm::Value *index) {
      WinogradUnit unit = unitOf(index);
      llvm::Value *transformed = atByte(e_, e_.scratch(), layout.transformed);
      llvm::Value *products = atByte(e_, e_.scratch(), layout.products);
      emitInputTransform(e_, c_, plan_, unit, e_.i64(0), unit.count, transformed, products);
      e_.loop(
          e_.i64(0), e_.i64(plan_.panels()), 1,
          [&](llvm::Value *panel) { emitPanel(unit, panel, transformed, layout); }, "panel");
    });
  }

  // Transforms the input of a few tiles of a block.
  void emitInput(unsigned transformedArg) {
    overUnits([&](llvm::Value *index) {
      int64_t parts = inputParts(plan_);
      llvm::Value *part = e_.b.CreateURem(index, e_.i64(parts));
      llvm::Value *block = e_.b.CreateUDiv(index, e_.i64(parts));
      WinogradUnit unit = unitOf(block);
      llvm::Value *from = times(part, plan_.inputUnit);
      llvm::Value *to = least(e_.b.CreateAdd(from, e_.i64(plan_.inputUnit)), unit.count);
      emitInputTransform(e_, c_, plan_, unit, from, to, transformedOf(block, transformedArg),
                         e_.scratch());
    });
  }

  // Multiplies one panel of a block and transforms it back.
  void emitOutput(unsigned transformedArg) {
    Layout layout(c_, plan_, e_.target);
    overUnits([&](llvm::Value *index) {
      llvm::Value *panel = e_.b.CreateURem(index, e_.i64(plan_.panels()));
      llvm::Value *block = e_.b.CreateUDiv(index, e_.i64(plan_.panels()));
      emitPanel(unitOf(block), panel, transformedOf(block, transformedArg), layout);
    });
  }

  static int64_t inputParts(const WinogradPlan &plan) {
    return (plan.blockTiles + plan.inputUnit - 1) / plan.inputUnit;
  }

private:
  llvm::Value *times(llvm::Value *value, int64_t factor) {
    return e_.b.CreateMul(value, e_.i64(factor));
  }
  llvm::Value *least(llvm::Value *x, llvm::Value *y) {
    return e_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, x, y);
  }

  void overUnits(const std::function<void(llvm::Value *)> &body) {
    e_.loop(e_.begin(), e_.end(), 1, body, "unit");
  }

  // Of block `index` of all groups.
  WinogradUnit unitOf(llvm::Value *index) {
    llvm::Value *group = e_.b.CreateUDiv(index, e_.i64(plan_.blocks()));
    llvm::Value *first = times(e_.b.CreateURem(index, e_.i64(plan_.blocks())), plan_.blockTiles);
    llvm::Value *count = e_.i64(plan_.blockTiles);
    if (plan_.tiles % plan_.blockTiles != 0)
      count = least(count, e_.b.CreateSub(e_.i64(plan_.tiles), first));
    return {group, first, count};
  }

  llvm::Value *transformedOf(llvm::Value *block, unsigned arg) {
    return atByte(e_, e_.arg(arg), times(block, plan_.inputFloats() * 4));
  }

  void emitPanel(const WinogradUnit &unit, llvm::Value *panel, llvm::Value *transformed,
                 const Layout &layout) {
    llvm::Value *weights =
        atByte(e_, e_.arg(c_.right.arg), times(unit.group, winogradBytes(c_, plan_)));
    llvm::Value *products = atByte(e_, e_.scratch(), layout.products);
    emitProducts(e_, c_, plan_, unit, panel, transformed, weights, products);
    emitOutputTransform(e_, c_, plan_, unit, panel, products,
                        atByte(e_, e_.scratch(), layout.output));
  }

  KernelEmitter &e_;
  const Contraction &c_;
  const WinogradPlan &plan_;
};

std::string keyOf(const Contraction &c, const WinogradPlan &plan, const char *part) {
  std::string out = fmt::format("winograd {} {} [{}] {}x{}x{} L{} [{}] {} R{}", part, c.name,
                                fmt::join(c.outer, ","), c.rowsY, c.rowsX, c.columns, c.left.arg,
                                fmt::join(c.left.outer, ","), c.left.channels, c.right.arg);
  for (const Window &w : c.left.windows)
    out += fmt::format(" ({},{},{},{})", w.in, w.taps, w.pad, w.stride);
  out +=
      fmt::format(" {} B{} P{} U{} ", plan.str(), plan.blockTiles, plan.panelTiles, plan.inputUnit);
  return out + c.epilogue.str();
}

} // namespace

std::vector<Kernel> winogradKernels(Contraction c, WinogradPlan plan, std::vector<KernelArg> args,
                                    const NativeTarget &target) {
  int64_t groups = c.outer[1], blocks = plan.blocks() * groups;
  auto kernel = [&](const char *part, int64_t units) {
    Kernel out;
    out.key = keyOf(c, plan, part);
    out.name = c.name + "_winograd" + part;
    out.args = args;
    out.units = static_cast<uint32_t>(units);
    out.algorithm = plan.str();
    out.scratchBytes = Layout(c, plan, target).total;
    return out;
  };
  std::vector<Kernel> out;
  if (!plan.split) {
    out.push_back(kernel("", blocks));
    out[0].emit = [=](KernelEmitter &e) { UnitEmitter(e, c, plan).emitWhole(); };
    return out;
  }
  auto transformed = static_cast<unsigned>(args.size());
  KernelArg shared;
  shared.shared = true;
  args.push_back(shared);
  out.push_back(kernel("_input", blocks * UnitEmitter::inputParts(plan)));
  out[0].emit = [=](KernelEmitter &e) { UnitEmitter(e, c, plan).emitInput(transformed); };
  out[0].scratchBytes = roundUp(plan.borderFloats() * 4 + kSlack);
  out.push_back(kernel("_output", blocks * plan.panels()));
  out[1].emit = [=](KernelEmitter &e) { UnitEmitter(e, c, plan).emitOutput(transformed); };
  for (Kernel &each : out)
    each.sharedBytes = roundUp(blocks * plan.inputFloats() * 4 + kSlack);
  return out;
}

} // namespace edgecc::native
