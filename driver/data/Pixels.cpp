#include "driver/data/Pixels.h"

namespace edgecc::driver {

namespace {

// 0 if `type` has no such axis.
int64_t channelsOf(const Type &type, bool channelsLast) {
  if (type.rank() != 3 && (type.rank() != 4 || type.dims[0] != 1))
    return 0;
  return type.dims[channelsLast ? type.rank() - 1 : type.rank() - 3];
}

bool isPictureCount(int64_t channels) { return channels == 1 || channels == 3; }

} // namespace

bool canHoldPicture(const Type &type, std::string_view layout) {
  return isPictureCount(channelsOf(type, layout == "NHWC"));
}

ImageOptions imageOptionsOf(const Preprocessing &p, const Type &type) {
  ImageOptions options;
  bool channelsLast = p.layout.empty()
                          ? !canHoldPicture(type, "NCHW") && canHoldPicture(type, "NHWC")
                          : p.layout == "NHWC";
  options.layout = channelsLast ? ImageLayout::NHWC : ImageLayout::NCHW;
  if (p.channelOrder == "BGR")
    options.order = ChannelOrder::BGR;
  else if (p.channelOrder == "GRAY" ||
           (p.channelOrder.empty() && channelsOf(type, channelsLast) == 1))
    options.order = ChannelOrder::Gray;
  // What is compiled in, the model does itself.
  if (!p.compiledIn) {
    options.mean = p.mean;
    options.scale = p.scale;
  }
  return options;
}

} // namespace edgecc::driver
