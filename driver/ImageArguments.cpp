#include "driver/ImageArguments.h"

#include "driver/Arguments.h"

namespace edgecc::driver {

void declareImageArguments(CLI::App &app, ImageArguments &arguments) {
  addRepeatable(app, "--mean", arguments.mean, "X",
                "image inputs: subtracted from 0..255, one or per channel")
      ->delimiter(',');
  addRepeatable(app, "--scale", arguments.scale, "X",
                "image inputs: multiplied after that, one or per channel")
      ->delimiter(',');
  app.add_option("--layout", arguments.layout, "image inputs: NCHW or NHWC")
      ->type_name("L")
      ->check(CLI::IsMember({"NCHW", "NHWC"}));
  app.add_option("--order", arguments.order, "image inputs: RGB, BGR or GRAY")
      ->type_name("O")
      ->check(CLI::IsMember({"RGB", "BGR", "GRAY"}));
  app.add_option("--fit", arguments.fit, "image inputs: stretch (default) or letterbox")
      ->type_name("F")
      ->check(CLI::IsMember({"stretch", "letterbox"}));
}

ImageOptions apply(const ImageArguments &arguments, ImageOptions image) {
  if (!arguments.layout.empty())
    image.layout = arguments.layout == "NHWC" ? ImageLayout::NHWC : ImageLayout::NCHW;
  if (!arguments.order.empty())
    image.order = arguments.order == "BGR"    ? ChannelOrder::BGR
                  : arguments.order == "GRAY" ? ChannelOrder::Gray
                                              : ChannelOrder::RGB;
  if (!arguments.fit.empty())
    image.fit = arguments.fit == "letterbox" ? ImageFit::Letterbox : ImageFit::Stretch;
  if (!arguments.mean.empty())
    image.mean = arguments.mean;
  if (!arguments.scale.empty())
    image.scale = arguments.scale;
  return image;
}

} // namespace edgecc::driver
