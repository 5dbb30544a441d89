// Streaming models: states that are bound from outputs to inputs carry over from step to step.
#include "backends/reference/ReferenceExecutor.h"
#include "driver/Compare.h"
#include "tests/support/NativeRunner.h"
#include "tests/support/SharedData.h"

#include <cmath>
#include <random>

namespace edgecc::test {
namespace {

constexpr int kSteps = 10;

struct Stream {
  const char *model;
  // Output and input by name.
  std::vector<std::pair<const char *, const char *>> states;
};

void PrintTo(const Stream &stream, std::ostream *out) { *out << stream.model; }

uint32_t indexOf(const std::vector<Port> &ports, const std::string &name) {
  for (uint32_t i = 0; i < ports.size(); ++i)
    if (ports[i].name == name)
      return i;
  ADD_FAILURE() << "no input or output is called " << name;
  return 0;
}

class Streaming : public testing::TestWithParam<Stream> {
protected:
  void SetUp() override {
    EDGECC_NEED_SHARED(sharedDir() / "models" / GetParam().model / "model.onnx");
    auto loaded = loadSharedModel(GetParam().model, 0);
    ASSERT_TRUE(loaded) << str(loaded.error());
    model_ = std::move(*loaded);
    const Function &function = model_.module->main();
    for (auto [from, to] : GetParam().states)
      states_.emplace_back(indexOf(function.outputs, from), indexOf(function.inputs, to));
    // A frame for each step: the test set's, with noise of a tenth of its peak.
    std::mt19937 random(7);
    for (int step = 0; step < kSteps; ++step) {
      std::vector<Tensor> frame = model_.inputs;
      for (uint32_t i = 0; i < frame.size(); ++i)
        if (!isState(i) && frame[i].dtype() == DType::F32 && frame[i].elements() > 1)
          frame[i] = perturbed(frame[i], random);
      frames_.push_back(std::move(frame));
    }
  }

  bool isState(uint32_t input) const {
    for (auto state : states_)
      if (state.second == input)
        return true;
    return false;
  }

  static Tensor perturbed(const Tensor &tensor, std::mt19937 &random) {
    Tensor out(tensor.dtype(), tensor.dims());
    double peak = 0;
    for (int64_t i = 0; i < tensor.elements(); ++i)
      peak = std::max(peak, std::abs(tensor.asDouble(i)));
    for (int64_t i = 0; i < tensor.elements(); ++i)
      out.setDouble(i, tensor.asDouble(i) + 0.1 * peak * (random() * 0x1p-31 - 1));
    return out;
  }

  // Sets all inputs but the states, and runs.
  static testing::AssertionResult step(LoadedBlob &blob, const std::vector<Tensor> &frame,
                                       const std::vector<std::pair<uint32_t, uint32_t>> &states) {
    for (uint32_t i = 0; i < frame.size(); ++i) {
      bool isBound = false;
      for (auto state : states)
        isBound |= state.second == i;
      if (isBound)
        continue;
      if (auto set = blob.setInput(i, frame[i]); !set)
        return testing::AssertionFailure() << str(set.error());
    }
    if (auto ran = blob.run(); !ran)
      return testing::AssertionFailure() << str(ran.error());
    return testing::AssertionSuccess();
  }

  void bind(LoadedBlob &blob) {
    for (auto [output, input] : states_)
      ASSERT_EQ(edgecc_context_bind_state(blob.context(), output, input), EDGECC_OK)
          << edgecc_context_error(blob.context());
  }

  SharedModel model_;
  std::vector<std::pair<uint32_t, uint32_t>> states_; // output, input
  std::vector<std::vector<Tensor>> frames_;
};

TEST_P(Streaming, BoundStatesMatchStatesFedByHand) {
  auto bytes = compileToBlob(*model_.module);
  ASSERT_TRUE(bytes) << str(bytes.error());
  auto blob = LoadedBlob::load(*bytes, 1);
  ASSERT_TRUE(blob) << str(blob.error());
  bind(*blob);

  uint32_t outputs = edgecc_model_output_count(blob->model());
  std::vector<Tensor> states;
  for (auto [output, input] : states_)
    states.push_back(Tensor(model_.inputs[input].dtype(), model_.inputs[input].dims()));
  std::vector<std::vector<Tensor>> seen;
  for (int s = 0; s < kSteps; ++s) {
    ASSERT_TRUE(step(*blob, frames_[s], states_)) << "step " << s;
    std::vector<Tensor> inputs = frames_[s];
    for (size_t i = 0; i < states_.size(); ++i)
      inputs[states_[i].second] = states[i];
    auto expected = ReferenceExecutor().run(model_.module->main(), inputs);
    ASSERT_TRUE(expected) << str(expected.error());
    for (size_t i = 0; i < states_.size(); ++i)
      states[i] = (*expected)[states_[i].first];
    auto &now = seen.emplace_back();
    for (uint32_t i = 0; i < outputs; ++i) {
      now.push_back(blob->output(i));
      for (int64_t e = 0; e < now.back().elements(); ++e)
        ASSERT_TRUE(std::isfinite(now.back().asDouble(e))) << "step " << s << ", output " << i;
      // Recurrent nets with saturating gates forget differences: they do not grow with the steps.
      driver::Comparison c = driver::compare(now.back(), (*expected)[i], 1e-4, 1e-4);
      EXPECT_TRUE(c.passed()) << "step " << s << ", output " << i << ": off by " << c.maxAbsolute
                              << ", relative to the peak by " << c.maxRelativeToPeak;
    }
  }

  // The states do matter: without them the last step gives something else.
  edgecc_context_reset_states(blob->context());
  ASSERT_TRUE(step(*blob, frames_.back(), states_));
  bool isSame = true;
  for (uint32_t i = 0; i < outputs; ++i)
    isSame &= blob->output(i) == seen.back()[i];
  EXPECT_FALSE(isSame);

  // And from zero states everything happens again, bit for bit.
  edgecc_context_reset_states(blob->context());
  for (int s = 0; s < kSteps; ++s) {
    ASSERT_TRUE(step(*blob, frames_[s], states_)) << "step " << s;
    for (uint32_t i = 0; i < outputs; ++i)
      EXPECT_TRUE(blob->output(i) == seen[static_cast<size_t>(s)][i])
          << "step " << s << ", output " << i;
  }
}

// A state set by hand before each run gives the bits of a bound one.
TEST_P(Streaming, BindingChangesNoBits) {
  auto bytes = compileToBlob(*model_.module);
  ASSERT_TRUE(bytes) << str(bytes.error());
  auto bound = LoadedBlob::load(*bytes, 1);
  ASSERT_TRUE(bound) << str(bound.error());
  bind(*bound);
  auto byHand = LoadedBlob::load(*bytes, 2);
  ASSERT_TRUE(byHand) << str(byHand.error());
  std::vector<Tensor> inputs;
  for (uint32_t i = 0; i < frames_[0].size(); ++i)
    inputs.push_back(isState(i) ? Tensor(frames_[0][i].dtype(), frames_[0][i].dims())
                                : frames_[0][i]);
  for (int s = 0; s < kSteps; ++s) {
    for (uint32_t i = 0; i < inputs.size(); ++i)
      if (!isState(i))
        inputs[i] = frames_[s][i];
    ASSERT_TRUE(step(*bound, frames_[s], states_)) << "step " << s;
    auto outputs = byHand->run(inputs);
    ASSERT_TRUE(outputs) << str(outputs.error());
    for (uint32_t i = 0; i < outputs->size(); ++i)
      EXPECT_TRUE(bound->output(i) == (*outputs)[i]) << "step " << s << ", output " << i;
    for (auto [output, input] : states_)
      inputs[input] = (*outputs)[output];
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Streaming,
                         testing::Values(Stream{"gtcrn_simple",
                                                {{"conv_cache_out", "conv_cache"},
                                                 {"tra_cache_out", "tra_cache"},
                                                 {"inter_cache_out", "inter_cache"}}},
                                         Stream{"dtln_1", {{"tf_op_layer_stack_2", "input_3"}}},
                                         Stream{"silero_vad", {{"stateN", "state"}}}),
                         [](const auto &info) { return std::string(info.param.model); });

} // namespace
} // namespace edgecc::test
