// From tasks to instructions on buffers without addresses.
#pragma once

#include "backends/device/scheduled/Engines.h"
#include "backends/device/scheduled/Storage.h"
#include "backends/device/scheduled/Tiling.h"

#include <array>
#include <span>

namespace edgecc::device::scheduled {

struct Draft {
  std::unique_ptr<emulator::InstructionT> it; // without queue, barriers; views name virtual buffers
  int engine = 0;
  bool isLoad = false; // brings a tile or weights to the local memory
  size_t task = 0;
};

// What earlier attempts at a whole program have taught.
struct Attempt {
  std::vector<Choice> choices; // of each task
  std::vector<uint64_t> room;  // bytes for tiles in transit, of each task
  std::map<std::pair<ConvGeometry, TileRoom>, std::optional<Tiling>> tilings; // found before
};

// A part of a tensor's axis.
struct Range {
  int64_t begin = 0, size = 0;
};

class Emitter {
public:
  Emitter(const Tasks &tasks, const StreamMachine &machine, Storage &storage, Attempt &attempt);

  // All tasks. Fails with the layers that do not fit, each with the resource and the amount.
  Expected<void> run();

  std::vector<Draft> drafts;          // in an order in which they could run
  std::vector<VirtualBuffer> buffers; // those of the storage, then those of tiles
  std::vector<std::unique_ptr<emulator::LayerT>> layers;
  std::vector<std::string> notes;

private:
  // Tiles.cpp, Product.cpp
  struct Window;
  struct Target;
  Expected<void> convolution();
  Expected<void> convolutionGroup(const Window &window, int64_t group);
  Expected<void> channelwise();
  Expected<void> product();
  Window windowOf();
  TileRoom roomFor(bool hasWeights, bool hasTail);
  std::optional<Tiling> tilingOf(const ConvGeometry &geometry, const TileRoom &room,
                                 bool isChannelwise);
  Expected<void> onVectorInstead(const TileRoom &room);
  Target beginTarget(const std::vector<Range> &tile, emulator::ElementType type, bool hasTail);
  void endTarget(const Target &target, const std::vector<Range> &tile,
                 emulator::ElementType sumType, size_t doneStages);
  void emitContraction(emulator::ContractionT kernel, const emulator::ViewT &input,
                       const emulator::ViewT &weights, const std::vector<Range> &tile,
                       size_t stages, uint32_t mode, const emulator::ViewT &ownPart,
                       const Target &target);
  void emitPool(const emulator::PoolT &pool, const emulator::ViewT &input,
                std::array<int64_t, 2> low, std::array<int64_t, 2> high,
                const std::vector<Range> &tile, const Target &target);
  emulator::ViewT spatial(emulator::ViewT view) const;

  Expected<void> vector();
  Expected<void> move();
  Expected<void> host();

  // Moves.cpp
  struct TiledCopy;
  double copyUs(int engine, emulator::ViewT from, uint32_t fromMemory, emulator::ViewT to,
                uint32_t toMemory, unsigned units) const;
  uint64_t localBeside(unsigned units) const; // bytes that so many running vector units leave
  std::optional<TiledCopy> tileCopy(const emulator::ViewT &from, const emulator::ViewT &to) const;
  emulator::ViewT denseStaging(const emulator::ViewT &like, const Dims &box,
                               std::string_view suffix);
  void emitCopy(int engine, const emulator::ViewT &from, const emulator::ViewT &to, unsigned units);
  void emitTiles(const TiledCopy &tiled, const emulator::ViewT &from, const emulator::ViewT &to);
  Expected<void> copy(const emulator::ViewT &from, const emulator::ViewT &to);
  int64_t blockWithGaps(const emulator::CopyT &copy, int64_t elements) const;
  bool fillAndCopy(const emulator::CopyT &copy, const emulator::ViewT &fill,
                   const emulator::ViewT &from, const emulator::ViewT &to);

  void copyOutput(const OutputCopy &copy);

  // Views.
  emulator::ViewT packed(const Place &place, emulator::ElementType type, const Dims &dims) const;
  emulator::ViewT inputView(size_t input);
  emulator::ViewT outputView();
  static emulator::ViewT part(const emulator::ViewT &view, const std::vector<Range> &ranges);
  // The part of an operand that broadcasts to a tile of the output.
  static emulator::ViewT operandPart(const emulator::ViewT &view, const std::vector<Range> &tile);

  // Buffers and transfers.
  emulator::ViewT stagingView(const Dims &dims, emulator::ElementType type,
                              std::string_view suffix);
  emulator::ViewT load(const emulator::ViewT &from, std::string_view suffix);
  void store(const emulator::ViewT &from, const emulator::ViewT &to);
  // As the convolution engine reaches it; a constant is loaded whole, once for a task.
  emulator::ViewT reachable(const emulator::ViewT &view);
  bool isReached(uint32_t buffer) const;
  uint32_t memoryOf(uint32_t buffer) const;

  // Instructions.
  Draft &add(int engine, emulator::KernelUnion kernel);
  void addStages(emulator::InstructionT &instruction, size_t first, size_t count,
                 const std::vector<Range> &tile, bool onEngine);
  void chooseUnits(emulator::InstructionT &instruction, unsigned most = ~0u);
  unsigned unitsBeside(const emulator::ViewT &tile) const; // that leave room for two such tiles
  uint32_t layer();
  const Task &task() const { return tasks_.list[current_]; }
  std::string where() const;

  const Tasks &tasks_;
  const StreamMachine &machine_;
  Storage &storage_;
  Attempt &attempt_;
  size_t current_ = 0;
  std::vector<int> layerOf_;                                // of each task, or -1
  std::map<std::pair<uint32_t, int64_t>, uint32_t> loaded_; // constants of the current task
  bool startsStage_ = false;    // the next instruction of an engine does
  bool hasVectorBegun_ = false; // for the current task
  bool isLine_ = false;         // the current task has one spatial axis
};

} // namespace edgecc::device::scheduled
