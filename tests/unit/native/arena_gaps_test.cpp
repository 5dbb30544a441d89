// Where scratch goes between the values of a function.
#include "backends/native/ArenaGaps.h"
#include "ir/Builder.h"

#include <gtest/gtest.h>

namespace edgecc {
namespace {

using native::ArenaGaps;

// x -> a -> b -> c, all of 256 floats, at the given places.
struct Chain {
  explicit Chain(const std::vector<int64_t> &offsets) : function(module.addFunction("f")) {
    Value *value = function.body.addArgument({DType::F32, {256}, 0, {}});
    value->storage = Storage{Storage::Space::Input, 0, 0, {1}};
    function.inputs.push_back({"x", {}});
    Builder builder(module, function.body);
    for (int64_t offset : offsets) {
      ops.push_back(builder.createOp(OpKind::Relu, std::vector<Value *>{value}));
      value = ops.back()->result();
      value->storage = Storage{Storage::Space::Arena, 0, offset, {1}};
    }
    builder.yield(std::vector<Value *>{value});
    function.outputs.push_back({"y", {}});
  }
  Module module;
  Function &function;
  std::vector<Op *> ops;
};

TEST(ArenaGaps, FindsWhatNoLivingValueTakes) {
  Chain chain({0, 3072, 1024});
  ArenaGaps gaps(chain.function);
  EXPECT_EQ(gaps.arenaBytes(), 4096);
  // a alone: behind it. a and b: between them if there is room. b and c: in front of them.
  EXPECT_EQ(gaps.place(*chain.ops[0], 3072), 1024);
  EXPECT_EQ(gaps.place(*chain.ops[1], 2048), 1024);
  EXPECT_EQ(gaps.place(*chain.ops[1], 2049), 4096);
  EXPECT_EQ(gaps.place(*chain.ops[2], 1024), 0);
  EXPECT_EQ(gaps.place(*chain.ops[2], 1025), 4096);
}

TEST(ArenaGaps, BeginsAtMultiplesOf64) {
  Chain chain({32, 4096});
  ArenaGaps gaps(chain.function);
  EXPECT_EQ(gaps.place(*chain.ops[0], 33), 1088);
  EXPECT_EQ(gaps.place(*chain.ops[0], 32), 0);
}

TEST(ArenaGaps, KnowsNoGapForOpsElsewhere) {
  Chain chain({0, 1024}), other({0});
  EXPECT_EQ(ArenaGaps(chain.function).place(*other.ops[0], 64), 2048);
}

} // namespace
} // namespace edgecc
