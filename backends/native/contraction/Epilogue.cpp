#include "backends/native/contraction/Epilogue.h"
#include "backends/native/contraction/Convert.h"
#include "backends/native/elementwise/Elementwise.h"
#include "backends/native/elementwise/Magnitude.h"
#include "backends/native/elementwise/Numeric.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llvm/Analysis/VectorUtils.h>

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
constexpr int64_t kMaxStraightLine = 1000;

int64_t instructionsPerVector(const Epilogue &epilogue) {
  int64_t count = 2 + 2 * static_cast<int64_t>(epilogue.addends.size());
  if (epilogue.fused)
    for (const auto &op : epilogue.fused->region(0).ops()) {
      if (op.get() == epilogue.anchor)
        continue;
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
      case OpKind::DequantizeLinear:
        count += 3;
        break;
      case OpKind::Requantize:
      case OpKind::HardSigmoid:
      case OpKind::HardSwish:
        count += 8;
        break;
      case OpKind::QuantizeLinear:
        count += 12;
        break;
      default:
        count += 30;
      }
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

// Vectors that are finished together: results of one byte are narrowed four vectors at a time. On
// RISC-V joined sums would have to lie in neighbouring registers during all of the reduction, which
// makes the allocator spill them.
size_t vectorsAtOnce(const Epilogue &epilogue, const NativeTarget &target) {
  if (target.arch == Arch::RISCV64)
    return 1;
  bool bytes = std::ranges::any_of(
      epilogue.results, [](const Access &result) { return bitWidth(result.dtype) == 8; });
  return bytes && epilogue.fused ? 4 : 1;
}

// Integer sums are exact in any order, so that what is the same for all rows may come first.
bool isInitial(const Epilogue &epilogue, const Product &product, const Addend &addend) {
  return !isFloat(product.accumulator) && epilogue.alpha == 1 && addend.scale == 1 &&
         addend.access.rowInvariant();
}

llvm::Value *loadAt(KernelEmitter &e, const Access &access, llvm::Value *at, const TilePart &part) {
  if (access.column() == 0)
    return splatElement(e, access.dtype, at, part.lanes);
  return access.column() == 1
             ? loadElements(e, access.dtype, at, part.lanes, part.active)
             : gatherElements(e, access.dtype, at, access.column(), part.lanes, part.active);
}

// A vector of the tile: `sum` holds the columns of `part` in the row at (y, x).
struct Piece {
  const TilePart *part;
  llvm::Value *sum, *y, *x;
};

class EpilogueEmitter {
public:
  EpilogueEmitter(KernelEmitter &e, const Epilogue &epilogue, const Product &product,
                  const ColumnTile &tile, const Position &origin)
      : e_(e), epilogue_(epilogue), product_(product), tile_(tile) {
    for (const Addend &addend : epilogue.addends)
      if (!isInitial(epilogue, product, addend))
        addends_.push_back(&addend);
    auto point = [&](const Access &access) {
      origins_.emplace(&access, pointerAt(e_, access, origin));
    };
    for (const Addend *addend : addends_)
      point(addend->access);
    for (const auto &[value, leaf] : epilogue.leaves)
      if (!leaf.scalar && !leaf.isTable)
        point(leaf.access);
    for (const Access &result : epilogue.results)
      point(result);
  }

  // Loads what is the same in all rows of `part`.
  void preload(const TilePart &part) {
    auto visit = [&](const Access &access) {
      if (access.rowInvariant())
        get(access, {&part, nullptr, e_.i64(0), e_.i64(0)});
    };
    for (const Addend *addend : addends_)
      visit(addend->access);
    for (const auto &[value, leaf] : epilogue_.leaves)
      if (!leaf.scalar && !leaf.isTable)
        visit(leaf.access);
  }

  void finish(std::span<const Piece> pieces) {
    unsigned lanes = 0;
    std::vector<llvm::Value *> sums;
    for (const Piece &piece : pieces) {
      sums.push_back(piece.sum);
      lanes += piece.part->lanes;
    }
    llvm::Value *value = join(sums);
    bool isReal = isFloat(product_.accumulator);
    llvm::Type *type = value->getType();
    auto constant = [&](double number) -> llvm::Constant * {
      return isReal ? llvm::ConstantFP::get(type, number)
                    : llvm::ConstantInt::getSigned(type, static_cast<int64_t>(number));
    };
    auto multiply = [&](llvm::Value *a, double scale) {
      return isReal ? e_.b.CreateFMul(a, constant(scale)) : e_.b.CreateMul(a, constant(scale));
    };
    if (epilogue_.alpha != 1)
      value = multiply(value, epilogue_.alpha);
    for (const Addend *addend : addends_) {
      llvm::Value *other = convertElements(e_, get(addend->access, pieces), addend->access.dtype,
                                           product_.accumulator, lanes);
      if (addend->scale != 1)
        other = multiply(other, addend->scale);
      value = isReal ? e_.b.CreateFAdd(value, other) : e_.b.CreateAdd(value, other);
    }
    value = convertElements(e_, value, product_.accumulator, epilogue_.anchorType, lanes);
    std::vector<llvm::Value *> yielded{value};
    if (epilogue_.fused)
      yielded = emitRegion(
          e_, epilogue_.fused->region(0), lanes, {{epilogue_.anchor->result(), value}},
          [&](const Value &value) { return leaf(*epilogue_.leafOf(&value), pieces, lanes); });
    for (size_t i = 0; i < yielded.size(); ++i)
      store(epilogue_.results[i], yielded[i], pieces);
  }

private:
  llvm::Value *join(const std::vector<llvm::Value *> &vectors) {
    return vectors.size() == 1 ? vectors[0] : llvm::concatenateVectors(e_.b, vectors);
  }

  llvm::Value *pointer(const Access &access, const Piece &piece) {
    llvm::Value *index = e_.b.CreateAdd(e_.b.CreateMul(piece.y, e_.i64(access.y())),
                                        e_.b.CreateMul(piece.x, e_.i64(access.x())));
    index = e_.b.CreateAdd(index, e_.i64(piece.part->firstColumn * access.column()));
    return e_.elementPointer(access.dtype, origins_.at(&access), index);
  }

  llvm::Value *leaf(const Leaf &leaf, std::span<const Piece> pieces, unsigned lanes) {
    if (leaf.isTable)
      return e_.arg(leaf.access.arg);
    if (leaf.scalar)
      return e_.splat(constantElement(e_, *leaf.scalar, 0), lanes);
    return get(leaf.access, pieces);
  }

  llvm::Value *get(const Access &access, const Piece &piece) {
    if (!access.rowInvariant())
      return loadAt(e_, access, pointer(access, piece), *piece.part);
    llvm::Value *&loaded = invariant_[{&access, piece.part}];
    if (!loaded)
      loaded = loadAt(e_, access, pointer(access, piece), *piece.part);
    return loaded;
  }

  llvm::Value *get(const Access &access, std::span<const Piece> pieces) {
    std::vector<llvm::Value *> vectors;
    for (const Piece &piece : pieces)
      vectors.push_back(get(access, piece));
    return join(vectors);
  }

  // Parts of a row that are neighbours in memory are stored as one.
  void store(const Access &access, llvm::Value *value, std::span<const Piece> pieces) {
    unsigned lane = 0;
    for (size_t i = 0; i < pieces.size();) {
      const TilePart &part = *pieces[i].part;
      size_t count = 1;
      unsigned lanes = part.lanes, active = part.active;
      while (access.column() == 1 && active == lanes && i + count < pieces.size() &&
             pieces[i + count].part == pieces[i + count - 1].part + 1) {
        active += pieces[i + count].part->active;
        lanes += pieces[i + count++].part->lanes;
      }
      llvm::Value *run = value;
      if (count < pieces.size()) {
        llvm::SmallVector<int> own;
        for (unsigned k = 0; k < lanes; ++k)
          own.push_back(static_cast<int>(lane + k));
        run = e_.b.CreateShuffleVector(value, own);
      }
      if (tile_.unpacked) {
        run = inOrder(run, lanes);
        active = static_cast<unsigned>(tile_.columns);
      }
      llvm::Value *at = pointer(access, pieces[i]);
      if (access.column() == 1 || active == 1)
        storeElements(e_, access.dtype, run, at, lanes, active);
      else
        scatterElements(e_, access.dtype, run, at, access.column(), lanes, active);
      i += count;
      lane += lanes;
    }
  }

  llvm::Value *inOrder(llvm::Value *unpacked, unsigned lanes) {
    assert(lanes == tile_.padded() && "rows are finished as a whole");
    llvm::SmallVector<int> order;
    for (unsigned column = 0; column < lanes; ++column)
      order.push_back(static_cast<int>(unpackedPosition(column, lanes)));
    return e_.b.CreateShuffleVector(unpacked, order);
  }

  KernelEmitter &e_;
  const Epilogue &epilogue_;
  const Product &product_;
  const ColumnTile &tile_;
  std::vector<const Addend *> addends_;
  std::map<const Access *, llvm::Value *> origins_;
  std::map<std::pair<const Access *, const TilePart *>, llvm::Value *> invariant_;
};

// Finishes `pieces`, `most` at a time.
void finishAll(EpilogueEmitter &emitter, std::span<const Piece> pieces, size_t most) {
  while (!pieces.empty()) {
    size_t count = std::min(most, std::bit_floor(pieces.size()));
    emitter.finish(pieces.first(count));
    pieces = pieces.subspan(count);
  }
}

} // namespace

int64_t epilogueScratchBytes(const Epilogue &epilogue, const Product &product,
                             const ColumnTile &tile) {
  if (!usesLoop(epilogue, tile, tile.rows.size()))
    return 0;
  return tile.rows.size() * tile.padded() * product.accumulatorBytes();
}

std::vector<llvm::Value *> initialSums(KernelEmitter &e, const Epilogue &epilogue,
                                       const Product &product, const ColumnTile &tile,
                                       const Position &origin) {
  std::vector<llvm::Value *> sums;
  for (const Addend &addend : epilogue.addends) {
    if (!isInitial(epilogue, product, addend))
      continue;
    const Access &access = addend.access;
    llvm::Value *from = pointerAt(e, access, origin);
    sums.resize(tile.parts.size(), nullptr);
    for (size_t i = 0; i < tile.parts.size(); ++i) {
      const TilePart &part = tile.parts[i];
      llvm::Value *at =
          e.elementPointer(access.dtype, from, e.i64(part.firstColumn * access.column()));
      llvm::Value *value = convertElements(e, loadAt(e, access, at, part), access.dtype,
                                           product.accumulator, part.lanes);
      sums[i] = sums[i] ? e.b.CreateAdd(sums[i], value) : value;
    }
  }
  return sums;
}

void emitEpilogue(KernelEmitter &e, const Epilogue &epilogue, const Product &product,
                  const ColumnTile &tile, RowTile rows, const Position &origin,
                  const std::vector<llvm::Value *> &accumulators, llvm::Value *scratch) {
  EpilogueEmitter emitter(e, epilogue, product, tile, origin);
  size_t parts = tile.parts.size(), atOnce = vectorsAtOnce(epilogue, e.target);
  if (!usesLoop(epilogue, tile, rows.size())) {
    std::vector<Piece> pieces;
    auto add = [&](size_t row, size_t part) {
      auto index = static_cast<int64_t>(row);
      pieces.push_back({&tile.parts[part], accumulators[row * parts + part], e.i64(index / rows.x),
                        e.i64(index % rows.x)});
    };
    auto count = static_cast<size_t>(rows.size());
    if (atOnce > 1)
      for (size_t row = 0; row < count; ++row)
        for (size_t part = 0; part < parts; ++part)
          add(row, part);
    else
      for (size_t part = 0; part < parts; ++part)
        for (size_t row = 0; row < count; ++row)
          add(row, part);
    finishAll(emitter, pieces, atOnce);
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
  // Rows x + i, i < count, of line y, for the given parts.
  auto finish = [&](std::span<const TilePart> of, llvm::Value *y, llvm::Value *x, int64_t count) {
    std::vector<Piece> pieces;
    for (int64_t i = 0; i < count; ++i)
      for (const TilePart &part : of) {
        llvm::Value *at = e.b.CreateAdd(x, e.i64(i));
        llvm::Value *row = e.b.CreateAdd(e.b.CreateMul(y, e.i64(rows.x)), at);
        pieces.push_back({&part, e.load(product.accumulator, slot(row, part), part.lanes), y, at});
      }
    finishAll(emitter, pieces, atOnce);
  };
  auto loops = [&](std::span<const TilePart> of, int64_t step) {
    for (const TilePart &part : of)
      emitter.preload(part);
    int64_t whole = rows.x / step * step;
    e.loop(e.i64(0), e.i64(rows.y), 1, [&](llvm::Value *y) {
      e.loop(e.i64(0), e.i64(whole), step, [&](llvm::Value *x) { finish(of, y, x, step); });
      if (whole < rows.x)
        finish(of, y, e.i64(whole), rows.x - whole);
    });
  };
  if (atOnce > 1)
    loops(tile.parts, std::max<int64_t>(1, static_cast<int64_t>(atOnce / parts)));
  else
    for (const TilePart &part : tile.parts)
      loops({&part, 1}, 1);
}

bool finishesWholeRows(const Epilogue &epilogue, const NativeTarget &target) {
  return vectorsAtOnce(epilogue, target) >= 4 &&
         std::ranges::all_of(epilogue.results, [](const Access &result) {
           return bitWidth(result.dtype) == 8 && result.column() == 1;
         });
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

const Leaf *Epilogue::leafOf(const Value *value) const {
  auto it = std::ranges::find(leaves, value, &std::pair<const Value *, Leaf>::first);
  return it == leaves.end() ? nullptr : &it->second;
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

std::vector<const Access *> Epilogue::rowAccesses() const {
  std::vector<const Access *> out;
  auto visit = [&](const Access &access) {
    if (!access.rowInvariant())
      out.push_back(&access);
  };
  for (const Addend &addend : addends)
    visit(addend.access);
  for (const auto &[value, leaf] : leaves)
    if (!leaf.scalar && !leaf.isTable)
      visit(leaf.access);
  for (const Access &result : results)
    visit(result);
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
      out += roundsWithinI32(*op) ? ")<" : ")";
      for (unsigned i = 0; i < op->numResults(); ++i)
        out += fmt::format("{}{}", number(op->result(i)), op->result(i)->type.str());
    }
    for (const auto &argument : fused->region(0).arguments())
      if (const Leaf *leaf = leafOf(argument.get())) {
        std::string what = leaf->scalar ? hexOf(*leaf->scalar) : leaf->access.str();
        out += fmt::format(" {}:{}", numbers[argument.get()], what);
      }
  }
  for (const Access &result : results)
    out += " >" + result.str();
  return out;
}

} // namespace edgecc::native
