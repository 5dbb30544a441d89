#include "passes/lower/memory/Placement.h"

#include "ir/Views.h"
#include "passes/Rewrite.h"

#include <algorithm>
#include <numeric>

namespace edgecc::memory {

static std::vector<size_t> memoryOrder(const Type &type) {
  std::vector<size_t> order(type.rank());
  std::iota(order.begin(), order.end(), size_t{0});
  if (type.layout)
    order.assign(type.layout->order.begin(), type.layout->order.end());
  return order;
}

Dims denseStrides(const Type &type) {
  std::vector<size_t> order = memoryOrder(type);
  Dims strides(type.rank());
  int64_t stride = 1;
  for (size_t i = order.size(); i-- > 0;) {
    strides[order[i]] = stride;
    stride *= type.dims[order[i]];
  }
  return strides;
}

static int64_t innermostBytes(const Type &type) {
  return type.dims[memoryOrder(type).back()] * bitWidth(type.dtype) / 8;
}

// Ops whose kernels take any distance between pixels at no cost.
static bool takesPitch(const Op &op) {
  switch (op.kind()) {
  case OpKind::Conv:
  case OpKind::MaxPool:
  case OpKind::AveragePool:
  case OpKind::ReduceMean:
  case OpKind::Concat:
    return true;
  case OpKind::Fused:
    return std::ranges::all_of(op.region(0).ops(), [](const auto &inner) {
      return inner->def().is(OpTrait::Elementwise) || inner->def().is(OpTrait::Terminator) ||
             takesPitch(*inner);
    });
  default:
    return op.def().is(OpTrait::Elementwise);
  }
}

Dims preferredStrides(const Value &value) {
  const Type &type = value.type;
  Dims strides = denseStrides(type);
  constexpr int64_t kLine = 64, kCollides = 1024;
  const Op *writer = value.definingOp();
  if (!type.layout || type.rank() < 3 || isSubByte(type.dtype) || !type.isStatic() ||
      innermostBytes(type) % kCollides != 0 || !writer || writer->result(0) != &value ||
      !takesPitch(*writer) ||
      !std::ranges::all_of(value.uses(), [](const Use &use) { return takesPitch(*use.user); }))
    return strides;
  std::vector<size_t> order = memoryOrder(type);
  int64_t pitch = (innermostBytes(type) + kLine) * 8 / bitWidth(type.dtype);
  for (size_t i = order.size() - 1; i-- > 0;) {
    strides[order[i]] = pitch;
    pitch *= type.dims[order[i]];
  }
  return strides;
}

bool followsLayout(const Type &type, const Dims &strides) {
  int64_t inner = 0;
  std::vector<size_t> order = memoryOrder(type);
  for (size_t i = order.size(); i-- > 0;) {
    if (type.dims[order[i]] <= 1 || strides[order[i]] == 0)
      continue;
    if (strides[order[i]] < inner)
      return false;
    inner = strides[order[i]];
  }
  return inner >= 0;
}

namespace {

bool isOpResult(const Value &value) { return value.definingOp() && !value.definingOp()->parameter; }

// Ops that a view could stand for, if the strides suit the layout of the result.
bool mayBeView(const Op &op) {
  switch (op.kind()) {
  case OpKind::Identity:
  case OpKind::Reorder:
  case OpKind::Transpose:
  case OpKind::Slice:
  case OpKind::Expand:
  case OpKind::Reshape:
    return true;
  default:
    return false;
  }
}

// The strides that the operand of a pure relabelling must have for its result to have `strides`.
std::optional<Dims> stridesBehind(const Op &op, const Dims &strides) {
  const Value &x = *op.operand(0);
  switch (op.kind()) {
  case OpKind::Identity:
    return strides;
  case OpKind::Transpose: {
    Dims behind(strides.size());
    for (size_t i = 0; i < strides.size(); ++i)
      behind[static_cast<size_t>(op.ints("perm")[i])] = strides[i];
    return behind;
  }
  case OpKind::Reshape:
    return reshapedStrides(op.result()->dims(), strides, x.dims());
  default:
    return std::nullopt;
  }
}

// Whether element k of the op's result reads element k of operand `i` and no other of its elements,
// given that both have the same dims.
bool readsOwnElement(const Op &op, unsigned i) {
  switch (op.kind()) {
  case OpKind::TableLookup: // the other operands are indexed by something else
  case OpKind::QuantizeLinear:
  case OpKind::DequantizeLinear:
  case OpKind::Requantize:
    return i == 0;
  default:
    return op.def().is(OpTrait::Elementwise);
  }
}

// Whether the result may overwrite operand `i`, which has the same dims.
bool mayRunInPlace(const Op &op, unsigned i) {
  if (op.kind() != OpKind::Fused)
    return readsOwnElement(op, i);
  // An anchor may read any element after some result has been written.
  const Dims &dims = op.operand(i)->dims();
  return op.text("anchor").empty() &&
         std::ranges::all_of(op.region(0).argument(i)->uses(), [&](const Use &use) {
           return use.user->def().is(OpTrait::Terminator) ||
                  (use.user->result()->dims() == dims && readsOwnElement(*use.user, use.operand));
         });
}

bool sameStrides(const Dims &dims, const Dims &a, const Dims &b) {
  for (size_t i = 0; i < dims.size(); ++i)
    if (dims[i] > 1 && a[i] != b[i])
      return false;
  return true;
}

class Placer {
public:
  Placer(Module &module, Function &function)
      : module_(module), function_(function), timeline_(function) {}

  Plan run() {
    for (unsigned i = 0; i < function_.body.numArguments(); ++i)
      place(*function_.body.argument(i),
            newBuffer(*function_.body.argument(i), Storage::Space::Input, i));
    destinations(function_.body);
    forward(function_.body);
    return std::move(plan_);
  }

private:
  // --- recording ---

  Place newBuffer(const Value &value, Storage::Space space = Storage::Space::Arena,
                  uint32_t index = 0) {
    Buffer buffer;
    buffer.space = space;
    buffer.index = index;
    buffer.bytes = value.type.bytes();
    buffer.life = timeline_.lifetime(value);
    plan_.buffers.push_back(std::move(buffer));
    return {plan_.buffers.size() - 1, 0, denseStrides(value.type)};
  }

  // In the arena, with the strides that suit its readers best.
  Place newPreferredBuffer(const Value &value) {
    Place at = newBuffer(value);
    Dims strides = preferredStrides(value);
    if (strides != at.strides) {
      int64_t elements = 0; // up to the end of the outermost axis
      for (size_t i = 0; i < strides.size(); ++i)
        elements = std::max(elements, strides[i] * value.dims()[i]);
      plan_.buffers[at.buffer].bytes = elements * bitWidth(value.type.dtype) / 8;
      at.strides = std::move(strides);
    }
    return at;
  }

  void place(Value &value, Place at) {
    Buffer &buffer = plan_.buffers[at.buffer];
    buffer.values.push_back(&value);
    buffer.life.include(timeline_.lifetime(value));
    plan_.places.emplace(&value, std::move(at));
  }

  const Place *placeOf(const Value &value) const {
    auto it = plan_.places.find(&value);
    return it == plan_.places.end() ? nullptr : &it->second;
  }

  Storage asStorage(const Place &at) const {
    return {Storage::Space::Arena, static_cast<uint32_t>(at.buffer), at.offset, at.strides};
  }
  static Place asPlace(const Storage &at) { return {at.index, at.offset, at.strides}; }

  // --- destinations, from the last op to the first ---

  // Whether a value that has no place yet can be written there by the op that defines it.
  bool canTake(const Value &value, const Dims &strides) const {
    if (!isOpResult(value) || placeOf(value) || !value.type.isStatic() ||
        isSubByte(value.type.dtype) || !followsLayout(value.type, strides))
      return false;
    const Op &op = *value.definingOp();
    // Slices of stacked results are copied as one run of bytes.
    if (isLoop(op) && strides != denseStrides(value.type))
      return false;
    // A reshape that has to copy walks over its operand's axes.
    return op.kind() != OpKind::Reshape || stridesBehind(op, strides);
  }

  void destinations(Block &block) {
    std::vector<Op *> ops = block.snapshot();
    for (auto it = ops.rbegin(); it != ops.rend(); ++it)
      destinations(**it);
  }

  void destinations(Op &op) {
    if (op.def().is(OpTrait::Terminator))
      return yieldDestinations(op);
    if (op.kind() == OpKind::Concat)
      return concatDestinations(op);
    if (op.numRegions() && op.kind() != OpKind::Fused)
      return regionDestinations(op);
    if (op.numResults() != 1 || !mayBeView(op))
      return;
    const Place *at = placeOf(*op.result());
    if (!at)
      return;
    auto behind = stridesBehind(op, at->strides);
    Value &x = *op.operand(0);
    if (behind && canTake(x, *behind) && isFreeFor(x, *at)) {
      ++plan_.viewCount;
      place(x, {at->buffer, at->offset, std::move(*behind)});
    }
  }

  void yieldDestinations(const Op &yield) {
    const Op *parent = yield.block()->parentOp();
    for (unsigned i = 0; i < yield.numOperands(); ++i) {
      Value &value = *yield.operand(i);
      if (!parent)
        place(value, newBuffer(value, Storage::Space::Output, i)); // copies make this possible
      else if (parent->kind() == OpKind::If)
        place(value, *placeOf(*parent->result(i)));
      else
        loopYield(*parent, value, i);
    }
  }

  // Carried values lie where the result lies; what else a body yields has a buffer of its own.
  void loopYield(const Op &loop, Value &value, unsigned i) {
    unsigned carried = loop.kind() == OpKind::Loop
                           ? loop.numOperands() - 1
                           : loop.numOperands() - static_cast<unsigned>(loop.integer("num_scans"));
    unsigned first = loop.kind() == OpKind::Loop ? 1 : 0; // a Loop yields its condition first
    if (i >= first && i < first + carried)
      place(value, *placeOf(*loop.result(i - first)));
    else
      place(value, newBuffer(value));
  }

  void regionDestinations(Op &op) {
    for (unsigned i = 0; i < op.numResults(); ++i)
      if (!placeOf(*op.result(i)))
        place(*op.result(i), newBuffer(*op.result(i)));
    if (isLoop(op))
      loopArguments(op);
    for (unsigned i = 0; i < op.numRegions(); ++i)
      destinations(op.region(i));
  }

  // Carried arguments share the results' buffers, and so do the initial values: explicit copies.
  void loopArguments(Op &op) {
    const Block &body = op.region(0);
    unsigned first = op.kind() == OpKind::Loop ? 2 : 0;
    unsigned shift = op.kind() == OpKind::Loop ? 1 : 0;
    unsigned carried = op.kind() == OpKind::Loop
                           ? op.numOperands() - 1
                           : op.numOperands() - static_cast<unsigned>(op.integer("num_scans"));
    for (unsigned i = 0; i < carried; ++i) {
      const Place &at = *placeOf(*op.result(i));
      place(*body.argument(first + i), at);
      place(*op.operand(shift + i), at);
    }
    for (const auto &argument : body.arguments())
      if (!placeOf(*argument))
        place(*argument, newBuffer(*argument));
    // Scanned operands are read in whole slices.
    for (unsigned i = carried + shift; i < op.numOperands(); ++i)
      if (isOpResult(*op.operand(i)) && !placeOf(*op.operand(i)))
        place(*op.operand(i), newBuffer(*op.operand(i)));
  }

  void concatDestinations(const Op &op) {
    Value &result = *op.result();
    if (isSubByte(result.type.dtype) || !result.type.isStatic())
      return;
    if (!placeOf(result)) {
      if (insideAnother(op))
        return;
      place(result, newPreferredBuffer(result));
    }
    const Place at = *placeOf(result);
    auto axis = static_cast<size_t>(op.integer("axis"));
    int64_t elementBytes = bitWidth(result.type.dtype) / 8, position = 0;
    for (Value *operand : op.operands()) {
      Place part = at;
      part.offset += position * at.strides[axis] * elementBytes;
      position += operand->dims()[axis];
      if (canTake(*operand, part.strides) && isFreeFor(*operand, part)) {
        ++plan_.viewCount;
        place(*operand, std::move(part));
      }
    }
  }

  // DenseNet's pattern: all operands already lie one behind the other in a later Concat's result,
  // so that this one's result is there too.
  bool insideAnother(const Op &op) {
    Value &result = *op.result();
    auto axis = static_cast<size_t>(op.integer("axis"));
    const Place *first = placeOf(*op.operand(0));
    if (!first || first->strides.size() != result.dims().size())
      return false;
    int64_t elementBytes = bitWidth(result.type.dtype) / 8, position = 0;
    for (const Value *operand : op.operands()) {
      const Place *at = placeOf(*operand);
      if (!at || at->buffer != first->buffer || at->strides != first->strides ||
          at->offset != first->offset + position * first->strides[axis] * elementBytes)
        return false;
      position += operand->dims()[axis];
    }
    if (!followsLayout(result.type, first->strides))
      return false;
    ++plan_.viewCount;
    place(result, *first);
    return true;
  }

  // Whether `value`, written at `at`, and the carried state of a loop that lies in the same buffer
  // leave each other alone. Other values of the buffer are no obstacle: they hold the same elements
  // or lie in other parts of it.
  bool isFreeFor(const Value &value, const Place &at) const {
    Interval life = timeline_.lifetime(value);
    for (const Value *other : plan_.buffers[at.buffer].values) {
      const Op *loop = other->definingOp() ? nullptr : other->owningBlock()->parentOp();
      if (!loop || !isLoop(*loop))
        continue;
      Interval trips = timeline_.of(*loop);
      // An initial value must not be needed any more when the loop starts to overwrite it; the next
      // state must not be written before the last read of the present one.
      if (life.begin < trips.begin ? lastRead(value) > trips.begin
                                   : life.begin <= trips.end && life.begin <= lastRead(*other))
        return false;
    }
    return true;
  }

  // When the last op that reads the value, or what may become a view of it, is over.
  int lastRead(const Value &value) const {
    int last = 0;
    std::vector<const Value *> aliases{&value};
    while (!aliases.empty()) {
      const Value &alias = *aliases.back();
      aliases.pop_back();
      last = std::max(last, timeline_.lastUse(alias));
      for (const Use &use : alias.uses())
        if (mayBeView(*use.user))
          aliases.push_back(use.user->result());
    }
    return last;
  }

  // --- everything else, from the first op to the last ---

  void forward(Block &block) {
    for (Op *op : block.snapshot()) {
      if (op->parameter || op->def().is(OpTrait::Terminator))
        continue;
      if (op->numRegions() && op->kind() != OpKind::Fused) {
        for (unsigned i = 0; i < op->numRegions(); ++i)
          forward(op->region(i));
        continue;
      }
      if (op->kind() == OpKind::Reshape)
        linearizeOperand(*op);
      for (unsigned i = 0; i < op->numResults(); ++i)
        if (!placeOf(*op->result(i)))
          placeResult(*op, *op->result(i));
    }
  }

  void placeResult(const Op &op, Value &result) {
    if (auto at = viewPlace(op)) {
      ++plan_.viewCount;
      return place(result, std::move(*at));
    }
    if (auto at = inPlace(op, result)) {
      ++plan_.inPlaceCount;
      return place(result, std::move(*at));
    }
    place(result, newPreferredBuffer(result));
  }

  std::optional<Place> viewPlace(const Op &op) const {
    if (op.numResults() != 1 || !mayBeView(op) || !op.result()->type.isStatic())
      return std::nullopt;
    const Place *x = placeOf(*op.operand(0));
    auto view = x ? viewOf(op, asStorage(*x)) : std::nullopt;
    if (!view || !followsLayout(op.result()->type, view->strides) || isOverwritten(op, *x))
      return std::nullopt;
    return asPlace(*view);
  }

  // Whether a view would outlive its bytes: those of carried state that the body overwrites, or of
  // a slice that the next trip replaces.
  bool isOverwritten(const Op &op, const Place &x) const {
    const Op *parent = op.block()->parentOp();
    if (!parent || !isLoop(*parent))
      return false;
    int end = timeline_.lifetime(*op.result()).end;
    for (const Value *other : plan_.buffers[x.buffer].values) {
      const Op *writer = other->definingOp();
      if (!writer || other->owningBlock() != op.block() || !isYielded(*other))
        continue;
      int written = timeline_.of(*writer).begin;
      if (written > timeline_.of(op).begin && written <= end)
        return true;
    }
    return false;
  }

  static bool isYielded(const Value &value) {
    return std::ranges::any_of(
        value.uses(), [](const Use &use) { return use.user->def().is(OpTrait::Terminator); });
  }

  std::optional<Place> inPlace(const Op &op, const Value &result) const {
    if (!result.type.isStatic())
      return std::nullopt;
    for (unsigned i = 0; i < op.numOperands(); ++i) {
      const Value *x = op.operand(i);
      const Place *at = x ? placeOf(*x) : nullptr;
      if (!at || plan_.buffers[at->buffer].space != Storage::Space::Arena ||
          x->dims() != result.dims() ||
          !sameStrides(x->dims(), at->strides, preferredStrides(result)) ||
          bitWidth(x->type.dtype) != bitWidth(result.type.dtype) || isSubByte(x->type.dtype) ||
          !mayRunInPlace(op, i) || !isLastReader(op, *x, *at))
        continue;
      return *at;
    }
    return std::nullopt;
  }

  // Whether no value in the buffer but x is alive when `op` runs, and x ends with it.
  bool isLastReader(const Op &op, const Value &x, const Place &at) const {
    int now = timeline_.of(op).begin;
    for (const Value *other : plan_.buffers[at.buffer].values) {
      Interval life = timeline_.lifetime(*other);
      if (other == &x ? life.end > now : life.end >= now)
        return false;
    }
    return true;
  }

  // Makes the operand of a Reshape one run of elements, so that the result is a view of it.
  void linearizeOperand(Op &op) {
    Value *x = op.operand(0);
    const Place *at = placeOf(*x);
    if (!at || isSubByte(x->type.dtype) ||
        reshapedStrides(x->dims(), at->strides, op.result()->dims()))
      return;
    Builder builder(module_);
    builder.setInsertionBefore(&op);
    builder.location = op.location;
    std::vector<int64_t> order(x->dims().size());
    std::iota(order.begin(), order.end(), int64_t{0});
    Value *copy = builder.create(OpKind::Reorder, {x}, {{"order", order}});
    copy->type.layout.reset();
    timeline_.insertBefore(*copy->definingOp(), op);
    op.setOperand(0, copy);
    const Place *result = placeOf(*op.result());
    auto behind = result ? stridesBehind(op, result->strides) : std::nullopt;
    if (behind)
      place(*copy, {result->buffer, result->offset, std::move(*behind)});
    else
      place(*copy, newBuffer(*copy));
  }

  Module &module_;
  Function &function_;
  Timeline timeline_;
  Plan plan_;
};

} // namespace

Plan placeValues(Module &module, Function &function) { return Placer(module, function).run(); }

} // namespace edgecc::memory
