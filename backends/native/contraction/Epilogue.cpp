#include "backends/native/contraction/Epilogue.h"
#include "backends/native/contraction/Convert.h"
#include "backends/native/elementwise/Elementwise.h"
#include "backends/native/elementwise/Numeric.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace edgecc::native {

std::string Access::str() const {
  std::string out = std::to_string(arg) + std::string(edgecc::name(dtype));
  for (int64_t stride : strides)
    out += "," + std::to_string(stride);
  return out;
}

llvm::Value *pointerAt(KernelEmitter &e, const Access &access, const Position &position) {
  llvm::Value *index = e.i64(0);
  auto add = [&](llvm::Value *coordinate, int64_t stride) {
    if (stride != 0)
      index = e.b.CreateAdd(index, e.b.CreateMul(coordinate, e.i64(stride)));
  };
  for (size_t i = 0; i < position.outer.size(); ++i)
    add(position.outer[i], access.strides[i]);
  add(position.y, access.y());
  add(position.x, access.x());
  add(position.column, access.column());
  return e.elementPointer(access.dtype, e.arg(access.arg), index);
}

namespace {

// Above this many estimated instructions a tile is finished by a loop over its rows instead of
// straight-line code: compile time and code size then do not grow with the tile.
constexpr int64_t kMaxStraightLine = 400;

int64_t instructionsPerVector(const Epilogue &epilogue) {
  int64_t count = 2 + 2 * static_cast<int64_t>(epilogue.addends.size());
  if (epilogue.fused)
    for (const auto &op : epilogue.fused->region(0).ops())
      switch (op->kind()) {
      case OpKind::Yield:
      case OpKind::Add:
      case OpKind::Mul:
      case OpKind::Sub:
      case OpKind::Relu:
      case OpKind::Max:
      case OpKind::Min:
        count += 1;
        break;
      case OpKind::Clip:
      case OpKind::LeakyRelu:
      case OpKind::PRelu:
        count += 3;
        break;
      case OpKind::Requantize:
      case OpKind::HardSigmoid:
      case OpKind::HardSwish:
        count += 8;
        break;
      default:
        count += 30;
      }
  for (const Access &result : epilogue.results)
    if (result.column() != 1)
      count += 32; // lane by lane
  return count;
}

bool usesLoop(const Epilogue &epilogue, const ColumnTile &tile, int64_t rows) {
  int64_t vectors = rows * static_cast<int64_t>(tile.parts.size());
  return rows > 1 && vectors * instructionsPerVector(epilogue) > kMaxStraightLine;
}

class EpilogueEmitter {
public:
  EpilogueEmitter(KernelEmitter &e, const Epilogue &epilogue, const Position &origin)
      : e_(e), epilogue_(epilogue) {
    auto point = [&](const Access &access) {
      origins_.emplace(&access, pointerAt(e_, access, origin));
    };
    for (const Addend &addend : epilogue.addends)
      point(addend.access);
    for (const auto &[value, leaf] : epilogue.leaves)
      if (!leaf.scalar && !leaf.isTable)
        point(leaf.access);
    for (const Access &result : epilogue.results)
      point(result);
  }

  // Values that are the same in all rows of `part`.
  void preload(const TilePart &part) {
    invariant_.clear();
    auto visit = [&](const Access &access) {
      if (access.rowInvariant())
        invariant_[&access] = load(access, part, e_.i64(0), e_.i64(0));
    };
    for (const Addend &addend : epilogue_.addends)
      visit(addend.access);
    for (const auto &[value, leaf] : epilogue_.leaves)
      if (!leaf.scalar && !leaf.isTable)
        visit(leaf.access);
  }

  void finish(const Product &product, llvm::Value *sum, const TilePart &part, llvm::Value *y,
              llvm::Value *x) {
    llvm::Value *value = sum;
    bool isReal = isFloat(product.accumulator);
    llvm::Type *type = sum->getType();
    auto constant = [&](double number) -> llvm::Constant * {
      return isReal ? llvm::ConstantFP::get(type, number)
                    : llvm::ConstantInt::getSigned(type, static_cast<int64_t>(number));
    };
    auto multiply = [&](llvm::Value *a, double scale) {
      return isReal ? e_.b.CreateFMul(a, constant(scale)) : e_.b.CreateMul(a, constant(scale));
    };
    if (epilogue_.alpha != 1)
      value = multiply(value, epilogue_.alpha);
    for (const Addend &addend : epilogue_.addends) {
      llvm::Value *other = convertElements(e_, get(addend.access, part, y, x), addend.access.dtype,
                                           product.accumulator, part.lanes);
      if (addend.scale != 1)
        other = multiply(other, addend.scale);
      value = isReal ? e_.b.CreateFAdd(value, other) : e_.b.CreateAdd(value, other);
    }
    value = convertElements(e_, value, product.accumulator, epilogue_.anchorType, part.lanes);
    std::vector<llvm::Value *> yielded{value};
    if (epilogue_.fused)
      yielded = emitRegion(
          e_, epilogue_.fused->region(0), part.lanes, {{epilogue_.anchor->result(), value}},
          [&](const Value &value) { return leaf(epilogue_.leaves.at(&value), part, y, x); });
    for (size_t i = 0; i < yielded.size(); ++i)
      store(epilogue_.results[i], yielded[i], part, y, x);
  }

private:
  llvm::Value *pointer(const Access &access, const TilePart &part, llvm::Value *y, llvm::Value *x) {
    llvm::Value *index = e_.b.CreateAdd(e_.b.CreateMul(y, e_.i64(access.y())),
                                        e_.b.CreateMul(x, e_.i64(access.x())));
    index = e_.b.CreateAdd(index, e_.i64(part.firstColumn * access.column()));
    return e_.elementPointer(access.dtype, origins_.at(&access), index);
  }

  llvm::Value *load(const Access &access, const TilePart &part, llvm::Value *y, llvm::Value *x) {
    llvm::Value *at = pointer(access, part, y, x);
    if (access.column() == 0)
      return splatElement(e_, access.dtype, at, part.lanes);
    return access.column() == 1
               ? loadElements(e_, access.dtype, at, part.lanes, part.active)
               : gatherElements(e_, access.dtype, at, access.column(), part.lanes, part.active);
  }

  llvm::Value *leaf(const Leaf &leaf, const TilePart &part, llvm::Value *y, llvm::Value *x) {
    if (leaf.isTable)
      return e_.arg(leaf.access.arg);
    if (leaf.scalar)
      return e_.splat(constantElement(e_, *leaf.scalar, 0), part.lanes);
    return get(leaf.access, part, y, x);
  }

  llvm::Value *get(const Access &access, const TilePart &part, llvm::Value *y, llvm::Value *x) {
    auto it = invariant_.find(&access);
    return it != invariant_.end() ? it->second : load(access, part, y, x);
  }

  void store(const Access &access, llvm::Value *value, const TilePart &part, llvm::Value *y,
             llvm::Value *x) {
    llvm::Value *at = pointer(access, part, y, x);
    if (access.column() == 1 || part.active == 1)
      storeElements(e_, access.dtype, value, at, part.lanes, part.active);
    else
      scatterElements(e_, access.dtype, value, at, access.column(), part.lanes, part.active);
  }

  KernelEmitter &e_;
  const Epilogue &epilogue_;
  std::map<const Access *, llvm::Value *> origins_, invariant_;
};

} // namespace

int64_t epilogueScratchBytes(const Epilogue &epilogue, const Product &product,
                             const ColumnTile &tile) {
  if (!usesLoop(epilogue, tile, tile.rows.size()))
    return 0;
  return tile.rows.size() * tile.padded() * product.accumulatorBytes();
}

void emitEpilogue(KernelEmitter &e, const Epilogue &epilogue, const Product &product,
                  const ColumnTile &tile, RowTile rows, const Position &origin,
                  const std::vector<llvm::Value *> &accumulators, llvm::Value *scratch) {
  EpilogueEmitter emitter(e, epilogue, origin);
  size_t parts = tile.parts.size();
  if (!usesLoop(epilogue, tile, rows.size())) {
    for (size_t part = 0; part < parts; ++part) {
      emitter.preload(tile.parts[part]);
      for (int64_t row = 0; row < rows.size(); ++row)
        emitter.finish(product, accumulators[static_cast<size_t>(row) * parts + part],
                       tile.parts[part], e.i64(row / rows.x), e.i64(row % rows.x));
    }
    return;
  }
  // Through a buffer of the tile's shape, which stays in the first-level cache.
  int64_t pitch = tile.padded();
  auto slot = [&](llvm::Value *row, const TilePart &part) {
    return e.elementPointer(
        product.accumulator, scratch,
        e.b.CreateAdd(e.b.CreateMul(row, e.i64(pitch)), e.i64(part.firstColumn)));
  };
  for (int64_t row = 0; row < rows.size(); ++row)
    for (size_t part = 0; part < parts; ++part)
      e.store(product.accumulator, accumulators[static_cast<size_t>(row) * parts + part],
              slot(e.i64(row), tile.parts[part]), tile.parts[part].lanes);
  for (const TilePart &part : tile.parts) {
    emitter.preload(part);
    e.loop(e.i64(0), e.i64(rows.y), 1, [&](llvm::Value *y) {
      e.loop(e.i64(0), e.i64(rows.x), 1, [&](llvm::Value *x) {
        llvm::Value *row = e.b.CreateAdd(e.b.CreateMul(y, e.i64(rows.x)), x);
        emitter.finish(product, e.load(product.accumulator, slot(row, part), part.lanes), part, y,
                       x);
      });
    });
  }
}

static std::string describe(const Attribute &attribute) {
  return std::visit(
      [](const auto &value) -> std::string {
        using T = std::decay_t<decltype(value)>;
        std::string out;
        if constexpr (std::is_same_v<T, std::string>)
          out = value;
        else if constexpr (std::is_same_v<T, DType>)
          out = std::string(edgecc::name(value));
        else if constexpr (std::is_arithmetic_v<T>)
          out = fmt::format("{}", value);
        else
          out = fmt::format("{}", fmt::join(value, ";"));
        return out;
      },
      attribute);
}

static std::string hexOf(const Tensor &tensor) {
  std::string out(name(tensor.dtype()));
  for (size_t i = 0; i < tensor.bytes(); ++i)
    out += fmt::format("{:02x}", static_cast<unsigned>(tensor.raw()[i]));
  return out;
}

std::vector<Access *> Epilogue::accesses() {
  std::vector<Access *> out;
  for (Addend &addend : addends)
    out.push_back(&addend.access);
  for (auto &[value, leaf] : leaves)
    if (!leaf.scalar && !leaf.isTable)
      out.push_back(&leaf.access);
  for (Access &result : results)
    out.push_back(&result);
  return out;
}

std::string Epilogue::str() const {
  std::string out = fmt::format("alpha={} as={}", alpha, edgecc::name(anchorType));
  for (const Addend &addend : addends)
    out += fmt::format(" +{}*{}", addend.access.str(), addend.scale);
  if (fused) {
    std::map<const Value *, size_t> numbers;
    auto number = [&](const Value *value) {
      return value ? numbers.emplace(value, numbers.size()).first->second : size_t{9999};
    };
    for (const auto &argument : fused->region(0).arguments())
      number(argument.get());
    for (const auto &op : fused->region(0).ops()) {
      out += fmt::format(" {}(", op->name());
      for (const Value *operand : op->operands())
        out += fmt::format("{},", number(operand));
      for (const auto &[key, value] : op->attributes())
        out += key + "=" + describe(value) + ",";
      out += ")";
      for (unsigned i = 0; i < op->numResults(); ++i)
        out += fmt::format("{}{}", number(op->result(i)), op->result(i)->type.str());
    }
    for (const auto &argument : fused->region(0).arguments())
      if (auto it = leaves.find(argument.get()); it != leaves.end()) {
        const Leaf &leaf = it->second;
        std::string what = leaf.scalar ? hexOf(*leaf.scalar) : leaf.access.str();
        out += fmt::format(" {}:{}", numbers[argument.get()], what);
      }
  }
  for (const Access &result : results)
    out += " >" + result.str();
  return out;
}

} // namespace edgecc::native
