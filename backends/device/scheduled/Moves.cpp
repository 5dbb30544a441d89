// Copies: by a transfer where runs of consecutive bytes are long, by vector units where they are
// short. What lies in the main memory and has short runs goes tile by tile through the local one:
// transfers bring and take away dense blocks, and the vector units reorder them in between.
#include "backends/device/scheduled/Emitter.h"

#include <algorithm>
#include <limits>

namespace edgecc::device::scheduled {

using emulator::ElementType;
using emulator::InstructionT;
using emulator::ViewT;

namespace {

constexpr int64_t kMostTiles = 512; // of one copy

// Axes from the outermost to the innermost in memory, without those that repeat elements.
std::vector<size_t> memoryOrder(const ViewT &view) {
  std::vector<size_t> order;
  for (size_t i = 0; i < view.dims.size(); ++i)
    if (view.strides[i] != 0)
      order.push_back(i);
  std::ranges::stable_sort(order, std::greater(), [&](size_t i) { return view.strides[i]; });
  return order;
}

ViewT inOrder(const ViewT &view, const std::vector<size_t> &order) {
  ViewT result = view;
  result.dims.clear();
  result.strides.clear();
  for (size_t i : order) {
    result.dims.push_back(view.dims[i]);
    result.strides.push_back(view.strides[i]);
  }
  if (order.empty()) {
    result.dims = {1};
    result.strides = {0};
  }
  return result;
}

// Strides of a dense block that keeps the order of `view`; an axis that repeats has none.
Dims denseStrides(const ViewT &view, const Dims &box) {
  Dims strides(box.size(), 0);
  int64_t stride = emulator::bitsOf(view.type) / 8;
  std::vector<size_t> order = memoryOrder(view);
  for (size_t i : std::vector<size_t>(order.rbegin(), order.rend())) {
    strides[i] = stride;
    stride *= box[i];
  }
  return strides;
}

// The copy cut along the axes that are outermost on both sides, until a tile of it has at most so
// many elements: what is left is as dense as it can be.
Dims boxOf(const ViewT &from, const ViewT &to, int64_t elements) {
  Dims box = from.dims;
  auto step = [&](size_t i) {
    return from.strides[i] == 0 ? to.strides[i] : std::min(from.strides[i], to.strides[i]);
  };
  while (numElements(box) > elements) {
    size_t cut = box.size();
    for (size_t i = 0; i < box.size(); ++i)
      if (box[i] > 1 && (cut == box.size() || step(i) > step(cut)))
        cut = i;
    if (cut == box.size())
      break;
    box[cut] = (box[cut] + 1) / 2;
  }
  return box;
}

int64_t tilesOf(const Dims &dims, const Dims &box) {
  int64_t tiles = 1;
  for (size_t i = 0; i < dims.size(); ++i)
    tiles *= (dims[i] + box[i] - 1) / box[i];
  return tiles;
}

bool ascends(const ViewT &view) {
  return std::ranges::all_of(view.strides, [](int64_t stride) { return stride >= 0; });
}

} // namespace

// A copy through the local memory.
struct Emitter::TiledCopy {
  Dims box;
  unsigned units = 1;
  bool loads = false, stores = false; // else the vector units reach that side in place
  double us = 0;
};

// Time of a copy by an engine when nothing else runs.
double Emitter::copyUs(int engine, ViewT from, uint32_t fromMemory, ViewT to, uint32_t toMemory,
                       unsigned units) const {
  InstructionT copy;
  copy.kernel.Set(emulator::MapT());
  copy.units = units;
  from.buffer = 0;
  to.buffer = 1;
  copy.inputs.push_back(std::make_unique<ViewT>(from));
  copy.outputs.push_back(std::make_unique<ViewT>(to));
  std::array<uint32_t, 2> memories{fromMemory, toMemory};
  const auto &description = machine_.engine(engine);
  emulator::Cost cost = emulator::costOf(*machine_.device, description, copy, memories);
  return emulator::aloneUs(*machine_.device, cost) - cost.issueUs;
}

std::optional<Emitter::TiledCopy> Emitter::tileCopy(const ViewT &from, const ViewT &to) const {
  if (machine_.local < 0 || machine_.transfer < 0 || machine_.vector < 0 || !ascends(from) ||
      !ascends(to) || emulator::bitsOf(from.type) < 8)
    return std::nullopt;
  auto local = static_cast<uint32_t>(machine_.local);
  uint32_t fromMemory = memoryOf(from.buffer), toMemory = memoryOf(to.buffer);
  TiledCopy tiled;
  tiled.loads = fromMemory != local;
  tiled.stores = toMemory != local;
  if ((!tiled.loads && !tiled.stores) || !machine_.reaches(machine_.transfer, fromMemory) ||
      !machine_.reaches(machine_.transfer, toMemory) || !machine_.reaches(machine_.transfer, local))
    return std::nullopt;
  const auto &vector = machine_.engine(machine_.vector);
  const auto &transfer = machine_.engine(machine_.transfer);
  double tileIssue = vector.tile_us >= 0 ? vector.tile_us : vector.issue_us;
  int64_t size = emulator::bitsOf(from.type) / 8;
  std::optional<TiledCopy> best;
  for (unsigned units = 1; units <= machine_.vectorUnits; ++units) {
    tiled.units = units;
    // Two tiles on either side, so that transfers overlap the vector units; the slices of those.
    uint64_t room = std::min(attempt_.room[current_], localBeside(units));
    int64_t sides = 2 * (tiled.loads + tiled.stores);
    tiled.box = boxOf(from, to, static_cast<int64_t>(room) / (sides * size));
    int64_t tiles = tilesOf(from.dims, tiled.box);
    if (numElements(tiled.box) * size * sides > static_cast<int64_t>(room) || tiles > kMostTiles)
      continue;
    auto sideOf = [&](const ViewT &whole) {
      ViewT part = whole, dense = whole;
      part.dims = dense.dims = tiled.box;
      dense.strides = denseStrides(whole, tiled.box);
      return std::pair(part, dense);
    };
    auto [source, sourceTile] = sideOf(from);
    auto [target, targetTile] = sideOf(to);
    double moving = 0, once = 0; // of a tile; before the first and after the last one
    if (tiled.loads) {
      std::vector<size_t> order = memoryOrder(from);
      once += copyUs(machine_.transfer, inOrder(source, order), fromMemory,
                     inOrder(sourceTile, order), local, 1) +
              transfer.issue_us;
    }
    if (tiled.stores)
      once += copyUs(machine_.transfer, targetTile, local, target, toMemory, 1) + transfer.issue_us;
    moving = once;
    double computing = tileIssue + copyUs(machine_.vector, tiled.loads ? sourceTile : source, local,
                                          tiled.stores ? targetTile : target, local, units);
    tiled.us = static_cast<double>(tiles) * std::max(moving, computing) +
               std::min(moving, computing) + vector.issue_us;
    if (!best || tiled.us < best->us)
      best = tiled;
  }
  return best;
}

uint64_t Emitter::localBeside(unsigned units) const {
  const auto &engine = machine_.engine(machine_.vector);
  uint64_t locked = 0;
  if (machine_.slices > 0)
    locked = uint64_t{engine.slices_per_unit} * units * machine_.localBytes / machine_.slices;
  return machine_.localBytes - std::min(locked, machine_.localBytes);
}

ViewT Emitter::denseStaging(const ViewT &like, const Dims &box, std::string_view suffix) {
  ViewT flat = stagingView({numElements(inOrder(like, memoryOrder(like)).dims)}, like.type, suffix);
  flat.dims = box;
  flat.strides = denseStrides(like, box);
  return flat;
}

void Emitter::emitCopy(int engine, const ViewT &from, const ViewT &to, unsigned units) {
  Draft &draft = add(engine, {});
  draft.it->kernel.Set(emulator::MapT());
  draft.it->units = units;
  draft.it->inputs.push_back(std::make_unique<ViewT>(from));
  draft.it->outputs.push_back(std::make_unique<ViewT>(to));
}

void Emitter::emitTiles(const TiledCopy &tiled, const ViewT &from, const ViewT &to) {
  struct Tile {
    ViewT source, target;
  };
  std::vector<Tile> tiles;
  std::vector<Range> at(from.dims.size());
  auto cut = [&](auto &&self, size_t axis) -> void {
    if (axis == at.size()) {
      tiles.push_back({part(from, at), part(to, at)});
      return;
    }
    for (int64_t begin = 0; begin < from.dims[axis]; begin += tiled.box[axis]) {
      at[axis] = {begin, std::min(tiled.box[axis], from.dims[axis] - begin)};
      self(self, axis + 1);
    }
  };
  cut(cut, 0);
  // A tile is loaded while the one before it is reordered.
  auto loaded = [&](const Tile &tile) {
    if (!tiled.loads)
      return tile.source;
    ViewT staged = denseStaging(tile.source, tile.source.dims, "tile to reorder");
    std::vector<size_t> order = memoryOrder(tile.source);
    emitCopy(machine_.transfer, inOrder(tile.source, order), inOrder(staged, order), 1);
    drafts.back().isLoad = true;
    return staged;
  };
  // And taken away while the one behind it is: a buffer lives until its last use in this order.
  auto store = [&](const ViewT &staged, const Tile &tile) {
    std::vector<size_t> order = memoryOrder(tile.target);
    emitCopy(machine_.transfer, inOrder(staged, order), inOrder(tile.target, order), 1);
  };
  ViewT next = loaded(tiles[0]), done;
  for (size_t i = 0; i < tiles.size(); ++i) {
    ViewT source = next;
    if (i + 1 < tiles.size())
      next = loaded(tiles[i + 1]);
    ViewT target = tiled.stores
                       ? denseStaging(tiles[i].target, tiles[i].target.dims, "reordered tile")
                       : tiles[i].target;
    emitCopy(machine_.vector, source, target, tiled.units);
    if (tiled.stores && i > 0)
      store(done, tiles[i - 1]);
    done = target;
  }
  if (tiled.stores)
    store(done, tiles.back());
}

Expected<void> Emitter::copy(const ViewT &from, const ViewT &to) {
  uint32_t fromMemory = memoryOf(from.buffer), toMemory = memoryOf(to.buffer);
  bool mayTransfer = machine_.transfer >= 0 && machine_.reaches(machine_.transfer, fromMemory) &&
                     machine_.reaches(machine_.transfer, toMemory);
  if (!mayTransfer && machine_.vector < 0)
    return error("the device has no engine that copies", where());
  double transferUs = mayTransfer ? machine_.engine(machine_.transfer).issue_us +
                                        copyUs(machine_.transfer, from, fromMemory, to, toMemory, 1)
                                  : std::numeric_limits<double>::infinity();
  if (machine_.vector < 0) {
    emitCopy(machine_.transfer, from, to, 1);
    return {};
  }
  double stage = startsStage_ ? machine_.machine->layer_us : 0;
  double vectorUs = stage + machine_.engine(machine_.vector).issue_us +
                    copyUs(machine_.vector, from, fromMemory, to, toMemory, machine_.vectorUnits);
  double least = machine_.engine(machine_.vector).issue_us + stage; // of what is tiled
  if (transferUs <= std::min(vectorUs, least)) {
    emitCopy(machine_.transfer, from, to, 1);
    return {};
  }
  auto tiled = tileCopy(from, to);
  double tiledUs = tiled ? stage + tiled->us : std::numeric_limits<double>::infinity();
  if (transferUs <= std::min(vectorUs, tiledUs)) {
    emitCopy(machine_.transfer, from, to, 1);
  } else if (tiledUs < vectorUs) {
    emitTiles(*tiled, from, to);
  } else {
    emitCopy(machine_.vector, from, to, 1);
    chooseUnits(*drafts.back().it);
  }
  return {};
}

// Where a copy with gaps is all that a value is made of, as of inserted zeros: blocks of the
// outermost axis, gaps included, of which the value consists. Extent 0: it is not so.
int64_t Emitter::blockWithGaps(const emulator::CopyT &copy, int64_t elements) const {
  if (copy.dims.empty())
    return 0;
  auto outer =
      static_cast<size_t>(std::ranges::max_element(copy.to_strides) - copy.to_strides.begin());
  int64_t block = copy.to_strides[outer], last = copy.to_offset;
  for (size_t i = 0; i < copy.dims.size(); ++i) {
    if (copy.to_strides[i] < 0 || copy.from_strides[i] < 0)
      return 0;
    if (i != outer)
      last += (copy.dims[i] - 1) * copy.to_strides[i];
  }
  return last < block && block * copy.dims[outer] == elements ? block : 0;
}

// Fill and copy in tiles of whole blocks. False: not possible, or not worth it.
bool Emitter::fillAndCopy(const emulator::CopyT &copy, const ViewT &fill, const ViewT &from,
                          const ViewT &to) {
  int64_t block = blockWithGaps(copy, task().output()->type.elements());
  if (block == 0 || machine_.local < 0 || machine_.transfer < 0 || machine_.vector < 0 ||
      memoryOf(to.buffer) == static_cast<uint32_t>(machine_.local))
    return false;
  auto outer = static_cast<size_t>(std::ranges::max_element(to.strides) - to.strides.begin());
  auto tiled = tileCopy(from, to);
  if (!tiled)
    return false;
  int64_t size = emulator::bitsOf(to.type) / 8,
          perBlock = numElements(from.dims) / from.dims[outer];
  uint64_t room = std::min(attempt_.room[current_], localBeside(tiled->units));
  int64_t blocks =
      static_cast<int64_t>(room) / (2 * size * (block + (tiled->loads ? perBlock : 0)));
  if (blocks == 0)
    return false;
  blocks = std::min(blocks, from.dims[outer]);
  auto rangesOf = [&](int64_t begin) {
    std::vector<Range> ranges;
    for (int64_t extent : from.dims)
      ranges.push_back({0, extent});
    ranges[outer] = {begin, std::min(blocks, from.dims[outer] - begin)};
    return ranges;
  };
  auto loaded = [&](int64_t begin) {
    ViewT source = part(from, rangesOf(begin));
    if (!tiled->loads)
      return source;
    ViewT staged = denseStaging(source, source.dims, "tile to spread");
    std::vector<size_t> order = memoryOrder(source);
    emitCopy(machine_.transfer, inOrder(source, order), inOrder(staged, order), 1);
    drafts.back().isLoad = true;
    return staged;
  };
  std::optional<std::pair<ViewT, ViewT>> done; // a tile, and where it belongs
  auto store = [&] {
    if (done)
      emitCopy(machine_.transfer, done->first, done->second, 1);
  };
  ViewT next = loaded(0);
  for (int64_t begin = 0; begin < from.dims[outer]; begin += blocks) {
    ViewT source = next;
    if (begin + blocks < from.dims[outer])
      next = loaded(begin + blocks);
    int64_t count = std::min(blocks, from.dims[outer] - begin);
    ViewT all = stagingView({count * block}, to.type, "tile with gaps");
    ViewT value = fill;
    value.dims = all.dims;
    value.strides = {0};
    emitCopy(machine_.vector, value, all, tiled->units);
    ViewT spread = part(to, rangesOf(begin));
    spread.buffer = all.buffer;
    spread.offset = copy.to_offset * size;
    emitCopy(machine_.vector, source, spread, tiled->units);
    ViewT target = all;
    target.buffer = to.buffer;
    target.offset = to.offset - copy.to_offset * size + begin * block * size;
    store();
    done = {all, target};
  }
  store();
  return true;
}

Expected<void> Emitter::move() {
  MoveCopies copies = storage_.copiesOf(task());
  ElementType type = elementTypeOf(task().output()->type.dtype);
  int64_t size = emulator::bitsOf(type) / 8;
  Place to = storage_.placeOf(task().output());
  auto view = [&](const Place &place, int64_t offset, const Dims &dims, const Dims &strides) {
    ViewT result;
    result.buffer = place.buffer;
    result.type = type;
    result.offset = place.offset + offset * size;
    result.dims = dims;
    for (int64_t stride : strides)
      result.strides.push_back(stride * size);
    return result;
  };
  auto fromOf = [&](const emulator::CopyT &each) {
    return view(storage_.placeOf(task().inputs[each.input]), each.from_offset, each.dims,
                each.from_strides);
  };
  auto toOf = [&](const emulator::CopyT &each) {
    return view(to, each.to_offset, each.dims, each.to_strides);
  };
  if (copies.needsFill) {
    ViewT fill = packed({storage_.fillOf(task()), 0}, type, {1});
    if (copies.copies.size() == 1 && task().kernel.AsMove()->copies.size() == 1 &&
        fillAndCopy(*copies.copies[0], fill, fromOf(*copies.copies[0]), toOf(*copies.copies[0])))
      return {};
    ViewT all = packed(to, type, {task().output()->type.elements()});
    fill.dims = all.dims;
    fill.strides = {0};
    EDGECC_CHECK(copy(fill, all));
  }
  for (const emulator::CopyT *each : copies.copies)
    EDGECC_CHECK(copy(fromOf(*each), toOf(*each)));
  return {};
}

} // namespace edgecc::device::scheduled
