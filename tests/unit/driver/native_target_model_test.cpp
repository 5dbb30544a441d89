// What the passes are told that layers cost on a CPU.
#include "driver/NativeTargetModel.h"
#include "ir/Builder.h"

#include <gtest/gtest.h>

namespace edgecc::driver {
namespace {

class NativeTargetModelTest : public testing::Test {
protected:
  NativeTargetModelTest() {
    auto target = native::resolveTarget("x86-64", "avx512vnni");
    if (!target)
      throw std::runtime_error(str(target.error()));
    model_ = std::make_unique<NativeTargetModel>(*target);
  }

  Value *dequantized(Value *value) {
    Value *scale = builder_.scalar(DType::F32, 0.1);
    return builder_.create(OpKind::DequantizeLinear, {value, scale, nullptr}, {{"to", DType::F32}});
  }

  Op *conv(Value *x, Value *w) {
    return builder_.createOp(OpKind::Conv, std::vector<Value *>{x, w},
                             {{"strides", Dims{1, 1}},
                              {"dilations", Dims{1, 1}},
                              {"pads", Dims{1, 1, 1, 1}},
                              {"group", int64_t{1}}});
  }

  Module module_;
  Function &function_ = module_.addFunction("f");
  Builder builder_{module_, function_.body};
  std::unique_ptr<NativeTargetModel> model_;
};

TEST_F(NativeTargetModelTest, FloatWeightsAreMultipliedWithFloatsWhereverThoseComeFrom) {
  Value *floats = function_.body.addArgument({DType::F32, {1, 64, 28, 28}, 0, {}});
  Value *bytes = function_.body.addArgument({DType::U8, {1, 64, 28, 28}, 0, {}});
  Value *weights = builder_.constant(Tensor(DType::F32, {64, 64, 3, 3}));
  Value *narrow = builder_.constant(Tensor(DType::I8, {64, 64, 3, 3}));
  Op *plain = conv(floats, weights), *mixed = conv(dequantized(bytes), weights);
  Op *integers = conv(dequantized(bytes), dequantized(narrow));
  EXPECT_EQ(model_->cost(*mixed), model_->cost(*plain));
  EXPECT_EQ(model_->cost(*integers), model_->costAs(*plain, DType::U8, DType::I8));
  EXPECT_LT(model_->cost(*integers), model_->cost(*plain));
}

} // namespace
} // namespace edgecc::driver
