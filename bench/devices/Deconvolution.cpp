#include "bench/devices/Deconvolution.h"

#include "bench/devices/Prepare.h"
#include "bench/zoo/Csv.h"
#include "ir/Builder.h"
#include "runtime/emulator/Emulator.h"

#include <fmt/format.h>

namespace edgecc::bench {

namespace {

constexpr int64_t kChannels = 128;

std::unique_ptr<Module> moduleOf(int64_t inputChannels, int64_t size,
                                 const std::function<Value *(Builder &, Value *)> &body) {
  auto module = std::make_unique<Module>();
  module->name = "layer";
  Function &function = module->addFunction("main");
  // In f16, so that the layer is all there is: nothing to convert at the borders.
  Value *x = function.body.addArgument({DType::F16, {1, inputChannels, size, size}, 0, {}});
  function.inputs.push_back({"x", {}});
  function.outputs.push_back({"y", {}});
  Builder builder(*module, function.body);
  builder.location = "layer";
  Value *y = body(builder, x);
  builder.yield(std::vector<Value *>{y});
  return module;
}

// Latency in ms; the published ones are one layer's.
Expected<double> latency(const emulator::DeviceT &device, std::unique_ptr<Module> module,
                         bool shufflePixels) {
  EDGECC_TRY(lowered, lowerFor(device, std::move(module), shufflePixels));
  EDGECC_TRY(code, device::mapFunction(lowered->main(), device, {}));
  auto measured = emulator::measure(code.program);
  if (!measured)
    return error(measured.error().message);
  return measured->latencyUs / 1e3;
}

Value *transposedConvolution(Builder &builder, Value *x) {
  Tensor weights(DType::F16, {kChannels, kChannels, 3, 3});
  for (int64_t i = 0; i < weights.elements(); ++i)
    weights.setDouble(i, static_cast<double>(i % 7) - 3);
  return builder.create(OpKind::ConvTranspose, {x, builder.constant(std::move(weights), "w")},
                        {{"strides", std::vector<int64_t>{2, 2}},
                         {"dilations", std::vector<int64_t>{1, 1}},
                         {"pads", std::vector<int64_t>{1, 1, 1, 1}},
                         {"output_padding", std::vector<int64_t>{1, 1}}});
}

std::optional<double> published(const std::vector<zoo::CsvRow> &rows, std::string_view layer,
                                const std::string &size) {
  for (const zoo::CsvRow &row : rows)
    if (row.text("model").starts_with(layer) && row.text("input_hw") == size)
      return row.number("latency_ms");
  return std::nullopt;
}

std::string figure(std::optional<double> value) {
  return value ? fmt::format("{:.3f}", *value) : "-";
}

} // namespace

Expected<void> compareDeconvolutions(const std::string &name, const std::string &table) {
  EDGECC_TRY(device, device::loadDevice(name));
  std::vector<zoo::CsvRow> rows;
  if (!table.empty()) {
    EDGECC_TRY(read, zoo::readCsv(table));
    rows = std::move(read);
  }
  fmt::print("{:<8} {:>22} {:>10} {:>18} {:>10} {:>26}\n", "input", "transposed conv. (ms)",
             "published", "pixel shuffle (ms)", "published", "conv. + pixel shuffle (ms)");
  for (int64_t size : {32, 16, 8}) {
    std::string text = fmt::format("{0}x{0}", size);
    EDGECC_TRY(transposed,
               latency(device, moduleOf(kChannels, size, transposedConvolution), false));
    // From 4 x 128 channels, so that both give 128 channels of twice the size.
    EDGECC_TRY(shuffled, latency(device,
                                 moduleOf(4 * kChannels, size,
                                          [](Builder &builder, Value *x) {
                                            return builder.create(OpKind::DepthToSpace, {x},
                                                                  {{"blocksize", int64_t{2}}});
                                          }),
                                 true));
    EDGECC_TRY(rewritten, latency(device, moduleOf(kChannels, size, transposedConvolution), true));
    fmt::print("{:<8} {:>22.3f} {:>10} {:>18.3f} {:>10} {:>26.3f}\n", text, transposed,
               figure(published(rows, "layer:ConvTranspose2D", text)), shuffled,
               figure(published(rows, "layer:PixelShuffle", text)), rewritten);
  }
  return {};
}

} // namespace edgecc::bench
