// Makes a float image input of the model a raw one: u8 RGB (or gray) pixels in NHWC or NCHW. What
// the caller had to do, element = (sample - mean) * scale with the channels in the order that the
// network was trained on, becomes part of the model:
//
//   f32[N,C,H,W]  ->  u8[N,H,W,C] -> Transpose -> (channels reversed) -> Cast -> - mean -> * scale
//
// What follows (fusion) makes one loop nest of it, or a part of the first convolution's.
#include "passes/Passes.h"
#include "passes/Rewrite.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

namespace edgecc {

namespace {

Expected<std::vector<double>> parseList(const std::string &text, const char *option) {
  std::vector<double> values;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, ':');) {
    double value = 0;
    auto [end, status] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (status != std::errc() || end != word.data() + word.size() || !std::isfinite(value))
      return error("'" + word + "' is not a number", std::string("image-input ") + option,
                   "separate the channels' values by ':', as in 123.7:116.3:103.5");
    values.push_back(value);
  }
  return values;
}

// [1, C, 1, 1], or a scalar if all channels share one value.
Value *perChannel(Builder &builder, const std::vector<double> &values, int64_t channels,
                  const char *name) {
  Tensor tensor(DType::F32, values.size() == 1 ? Dims{} : Dims{1, channels, 1, 1});
  for (size_t i = 0; i < values.size(); ++i)
    tensor.mutableData<float>()[i] = static_cast<float>(values[i]);
  return builder.constant(std::move(tensor), name);
}

} // namespace

Expected<void> compileImageInput(Module &module, PassContext &context) {
  const PassOptions &o = context.options;
  Function &function = module.main();
  const std::string &wanted = o.text("name");
  auto port = std::find_if(function.inputs.begin(), function.inputs.end(),
                           [&](const Port &p) { return wanted.empty() || p.name == wanted; });
  if (port == function.inputs.end())
    return error("the model has no input '" + wanted + "'", "image-input");
  Value *argument = function.body.argument(static_cast<unsigned>(port - function.inputs.begin()));
  const Type modelType = argument->type;
  if (modelType.rank() != 4 || modelType.dtype != DType::F32 ||
      (modelType.dims[1] != 1 && modelType.dims[1] != 3))
    return error("input '" + port->name + "' is " + modelType.str() +
                     ", not an f32 image of 1 or 3 channels in NCHW",
                 "image-input");
  int64_t channels = modelType.dims[1];
  EDGECC_TRY(mean, parseList(o.text("mean"), "mean"));
  EDGECC_TRY(scale, parseList(o.text("scale"), "scale"));
  for (const auto *values : {&mean, &scale})
    if (values->size() > 1 && static_cast<int64_t>(values->size()) != channels)
      return error("give one value, or one for each channel", "image-input mean, scale");
  bool channelsLast = o.text("layout") == "NHWC";
  if (!channelsLast && o.text("layout") != "NCHW")
    return error("layout is NHWC or NCHW", "image-input layout");
  if (o.text("order") != "RGB" && o.text("order") != "BGR")
    return error("order is RGB or BGR", "image-input order");

  argument->type.dtype = DType::U8;
  if (channelsLast)
    argument->type.dims = {modelType.dims[0], modelType.dims[2], modelType.dims[3], channels};
  Builder builder(module);
  builder.setInsertionBefore(function.body.ops().front().get());
  builder.location = "image-input";
  const std::vector<Use> users = argument->uses(); // they will read the result instead
  Value *x = argument;
  if (channelsLast)
    x = builder.create(OpKind::Transpose, {x}, {{"perm", std::vector<int64_t>{0, 3, 1, 2}}});
  if (o.text("order") == "BGR")
    x = builder.create(OpKind::Slice, {x},
                       {{"starts", std::vector<int64_t>{0, channels - 1, 0, 0}},
                        {"sizes", modelType.dims},
                        {"steps", std::vector<int64_t>{1, -1, 1, 1}}});
  x = builder.create(OpKind::Cast, {x}, {{"to", DType::F32}});
  if (!mean.empty())
    x = builder.create(OpKind::Sub, {x, perChannel(builder, mean, channels, "image_mean")});
  if (!scale.empty())
    x = builder.create(OpKind::Mul, {x, perChannel(builder, scale, channels, "image_scale")});
  for (const Use &use : users)
    use.user->setOperand(use.operand, x);
  port->preprocessing = {o.text("layout"), channels == 1 ? "GRAY" : "RGB", mean, scale, true};
  context.statistics.add("image inputs made u8");
  return {};
}

} // namespace edgecc
