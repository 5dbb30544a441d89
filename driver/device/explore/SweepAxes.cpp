#include "driver/device/explore/Sweep.h"

#include "driver/device/DeviceArtifact.h"
#include "frontend/onnx/ModelInfo.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace edgecc::driver {

namespace {

constexpr const char *kAxes[] = {"target",      "shaves",     "streams",  "batch", "compute-cap",
                                 "control-cap", "memory-cap", "quantize", "prune", "input"};

Expected<double> numberOf(const std::string &text, const std::string &axis) {
  char *end = nullptr;
  double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(value) || value < 0)
    return error("'" + text + "' is not a number", "--sweep " + axis);
  return value;
}

// "first:last:step"
Expected<std::vector<std::string>> range(const std::string &text, const std::string &axis) {
  size_t first = text.find(':'), second = text.find(':', first + 1);
  EDGECC_TRY(low, numberOf(text.substr(0, first), axis));
  EDGECC_TRY(high, numberOf(text.substr(first + 1, second - first - 1), axis));
  double step = 1;
  if (second != std::string::npos) {
    EDGECC_TRY(given, numberOf(text.substr(second + 1), axis));
    step = given;
  }
  if (!(step > 0) || high < low || (high - low) / step > static_cast<double>(kMaxPoints))
    return error("'" + text + "' is no range: FIRST:LAST:STEP ascends", "--sweep " + axis);
  std::vector<std::string> values;
  for (int i = 0; low + i * step <= high + step * 1e-9; ++i)
    values.push_back(fmt::format("{:g}", low + i * step));
  return values;
}

Expected<unsigned> countOf(const std::string &text, const std::string &axis) {
  EDGECC_TRY(value, numberOf(text, axis));
  if (value != std::floor(value) || value > 1e6 || value < 1)
    return error("'" + text + "' is not a whole number", "--sweep " + axis);
  return static_cast<unsigned>(value);
}

Expected<double> fractionOf(const std::string &text, const std::string &axis) {
  EDGECC_TRY(value, numberOf(text, axis));
  bool isCap = axis.ends_with("-cap");
  if (value > 1 || (isCap && value < 0.01))
    return error("'" + text + "' is not a fraction" + (isCap ? " from 0.01" : ""),
                 "--sweep " + axis);
  return value;
}

bool isChannels(const std::string &dim) { return dim == "1" || dim == "3" || dim == "4"; }

// "NAME=DIMS" for the model's input of images: a size of square ones, or dims without a name.
Expected<std::string> imageShape(const std::filesystem::path &model, const std::string &value) {
  EDGECC_TRY(info, readModelInfo(model));
  std::string names;
  const ValueSummary *image = nullptr;
  size_t images = 0;
  for (const ValueSummary &input : info.inputs) {
    names += (names.empty() ? "'" : ", '") + input.name + "'";
    bool isImage = input.dims.size() == 4 && (isChannels(input.dims[1]) ||
                                              isChannels(input.dims[3]) || info.inputs.size() == 1);
    if (!isImage)
      continue;
    image = &input;
    ++images;
  }
  if (images != 1)
    return error(fmt::format("'{}' names no input, and the model has {} of images ({})", value,
                             images, names),
                 "--sweep input", "write NAME=DIMS");
  if (value.find_first_not_of("0123456789") != std::string::npos)
    return image->name + "=" + value;
  const auto &dims = image->dims;
  bool isLast = !isChannels(dims[1]) && isChannels(dims[3]);
  std::string batch = dims[0].find_first_not_of("0123456789") == std::string::npos ? dims[0] : "1";
  std::string channels = isLast ? dims[3] : isChannels(dims[1]) ? dims[1] : "3";
  return isLast ? fmt::format("{}={}x{}x{}x{}", image->name, batch, value, value, channels)
                : fmt::format("{}={}x{}x{}x{}", image->name, batch, channels, value, value);
}

Expected<void> applyOne(CompileOptions &o, const std::string &axis, const std::string &value) {
  if (axis == "target") {
    if (!isDeviceTarget(value))
      return error("'" + value + "' is not a device", "--sweep target");
    o.target = value;
  } else if (axis == "shaves" || axis == "streams" || axis == "batch") {
    EDGECC_TRY(count, countOf(value, axis));
    (axis == "shaves"    ? o.device.units
     : axis == "streams" ? o.device.streams
                         : o.device.batch) = count;
  } else if (axis.ends_with("-cap")) {
    EDGECC_TRY(fraction, fractionOf(value, axis));
    (axis == "compute-cap"   ? o.device.computeCap
     : axis == "control-cap" ? o.device.controlCap
                             : o.device.memoryCap) = fraction;
  } else if (axis == "quantize") {
    constexpr const char *kWidths[] = {"none", "int8", "int16", "int4", "auto", "fp16"};
    if (std::ranges::find(kWidths, value) == std::end(kWidths))
      return error("'" + value + "' is no width of devices", "--sweep quantize",
                   fmt::format("one of {}", fmt::join(kWidths, ", ")));
    o.compress.recipe.quantize = value == "none" ? "" : value;
  } else if (axis == "prune") {
    EDGECC_TRY(fraction, fractionOf(value, axis));
    o.compress.recipe.prune = fraction == 0 ? "" : "macs:" + value;
  } else { // input
    if (value.find('=') != std::string::npos) {
      o.shapes.push_back(value);
      return {};
    }
    EDGECC_TRY(shape, imageShape(o.input, value));
    o.shapes.push_back(std::move(shape));
  }
  return {};
}

} // namespace

Expected<SweepAxis> parseSweepAxis(const std::string &text) {
  size_t equals = text.find('=');
  SweepAxis axis{text.substr(0, equals), {}};
  if (equals == std::string::npos || std::ranges::find(kAxes, axis.name) == std::end(kAxes))
    return error("'" + text + "' is nothing that can be swept", "--sweep",
                 fmt::format("NAME=VALUE,VALUE or NAME=FIRST:LAST:STEP for one of {}",
                             fmt::join(kAxes, ", ")));
  std::string rest = text.substr(equals + 1);
  bool isText = axis.name == "target" || axis.name == "quantize" || axis.name == "input";
  for (size_t at = 0; at <= rest.size();) {
    size_t end = std::min(rest.find(',', at), rest.size());
    std::string value = rest.substr(at, end - at);
    if (value.empty())
      return error("a value is missing in '" + text + "'", "--sweep");
    if (!isText && value.find(':') != std::string::npos) {
      EDGECC_TRY(values, range(value, axis.name));
      axis.values.insert(axis.values.end(), values.begin(), values.end());
    } else {
      axis.values.push_back(value);
    }
    at = end + 1;
  }
  return axis;
}

Expected<std::vector<SweepPoint>> pointsOf(const std::vector<SweepAxis> &axes) {
  std::vector<SweepPoint> points{{}};
  for (const SweepAxis &axis : axes) {
    if (points.size() * axis.values.size() > kMaxPoints)
      return error(fmt::format("more than {} combinations", kMaxPoints), "--sweep",
                   "sweep fewer values at a time");
    std::vector<SweepPoint> next;
    for (const SweepPoint &point : points)
      for (const std::string &value : axis.values) {
        if (point.contains(axis.name))
          return error("'" + axis.name + "' is swept twice", "--sweep");
        next.push_back(point);
        next.back()[axis.name] = value;
      }
    points = std::move(next);
  }
  return points;
}

Expected<CompileOptions> apply(const CompileOptions &base, const SweepPoint &point) {
  CompileOptions options = base;
  for (const auto &[axis, value] : point)
    EDGECC_CHECK(applyOne(options, axis, value));
  return options;
}

} // namespace edgecc::driver
