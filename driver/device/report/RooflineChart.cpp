#include "driver/Console.h"
#include "driver/device/report/Charts.h"
#include "driver/device/report/Roofline.h"
#include "driver/report/Html.h"
#include "driver/report/Svg.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace edgecc::driver::html {

namespace {

constexpr double kLeft = 64, kRight = 930, kTop = 14, kBottom = 330;

// A logarithmic axis whose ends are powers of ten.
struct LogAxis {
  int low = 0, high = 1; // exponents
  double from = 0, to = 1;

  void cover(double least, double most) {
    low = static_cast<int>(std::floor(std::log10(least)));
    high = std::max(low + 1, static_cast<int>(std::ceil(std::log10(most))));
  }
  double at(double value) const {
    double share = (std::log10(value) - low) / (high - low);
    return from + std::clamp(share, 0.0, 1.0) * (to - from);
  }
};

std::string macRate(double rate) {
  return (rate >= 1e12 ? fmt::format("{:.1f} T", rate / 1e12) : formatCount(rate)) + "MAC/s";
}

std::string roofLines(const Roofline &roofline, const LogAxis &x, const LogAxis &y) {
  double right = std::pow(10, x.high), left = std::pow(10, x.low);
  std::string out = line(x.at(left), y.at(roofline.peak), x.at(right), y.at(roofline.peak), "roof");
  out += text(kRight, y.at(roofline.peak) - 6, "end", "peak " + macRate(roofline.peak));
  for (const Roof &roof : roofline.roofs) {
    // rate = bandwidth x intensity, from the left or bottom edge up to the peak
    double ridge = roofline.peak / roof.bytesPerSecond;
    double start = std::max(left, std::pow(10, y.low) / roof.bytesPerSecond);
    if (start >= std::min(ridge, right))
      continue;
    double end = std::min(ridge, right);
    double x0 = x.at(start), y0 = y.at(start * roof.bytesPerSecond);
    out += line(x0, y0, x.at(end), y.at(end * roof.bytesPerSecond), "roof");
    double middle = std::sqrt(start * end), at = x.at(middle),
           over = y.at(middle * roof.bytesPerSecond);
    bool hasRoom = at > kLeft + 140; // to the left of the line
    out +=
        text(hasRoom ? at - 6 : at + 8, hasRoom ? over - 6 : over + 14, hasRoom ? "end" : "start",
             fmt::format("{} {}/s", escape(roof.name), formatBytes(roof.bytesPerSecond)));
  }
  return out;
}

std::string axes(const LogAxis &x, const LogAxis &y) {
  std::string out;
  for (int e = x.low; e <= x.high; ++e) {
    double at = x.at(std::pow(10, e));
    out += line(at, kTop, at, kBottom, "grid");
    out += text(at, kBottom + 16, "middle",
                e >= 0 && e < 6 ? fmt::format("{:.0f}", std::pow(10, e)) : fmt::format("1e{}", e));
  }
  for (int e = y.low; e <= y.high; ++e) {
    double at = y.at(std::pow(10, e));
    out += line(kLeft, at, kRight, at, "grid");
    std::string label =
        e >= 12 ? fmt::format("{:.0f} T", std::pow(10, e - 12)) : formatCount(std::pow(10, e));
    out += text(kLeft - 8, at + 4, "end", label);
  }
  return out + text((kLeft + kRight) / 2, kBottom + 34, "middle", "multiply-accumulates a byte");
}

} // namespace

std::string rooflineChart(const DeviceReport &report) {
  Roofline roofline = rooflineOf(*report.program, report.measured);
  if (roofline.points.empty() || roofline.peak <= 0)
    return "";
  auto [leastX, mostX] = std::ranges::minmax(roofline.points, {}, &RooflinePoint::intensity);
  double slowest = std::ranges::min(roofline.points, {}, &RooflinePoint::rate).rate;
  LogAxis x{.from = kLeft, .to = kRight}, y{.from = kBottom, .to = kTop};
  double ridge = leastX.intensity;
  for (const Roof &roof : roofline.roofs)
    ridge = std::max(ridge, roofline.peak / roof.bytesPerSecond);
  x.cover(leastX.intensity, std::max(mostX.intensity, 2 * ridge));
  y.cover(std::min(slowest, roofline.peak / 10), roofline.peak * 1.2);
  std::string out = fmt::format("<svg class=\"chart\" viewBox=\"0 0 960 {:.0f}\" role=\"img\" "
                                "aria-label=\"Roofline of the layers\">\n",
                                kBottom + 40);
  out += axes(x, y) + roofLines(roofline, x, y);
  for (const RooflinePoint &point : roofline.points) {
    std::string title = fmt::format(
        "{}: {:.3g} multiply-accumulates a byte {} the chip, {}, {:.0f} % of the peak",
        escape(report.program->layers[point.layer]->name), point.intensity,
        point.offChip ? "off" : "on", macRate(point.rate), 100 * point.rate / roofline.peak);
    double cx = x.at(point.intensity), cy = y.at(point.rate);
    out += "<g><title>" + title + "</title>";
    // shapes, so that colour does not tell alone
    out += point.offChip
               ? fmt::format("<path class=\"alone\" d=\"M{:.1f} {:.1f}l4 4l-4 4l-4 -4z\"/>", cx,
                             cy - 4)
               : fmt::format("<circle class=\"accumulated\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>",
                             cx, cy);
    out += "</g>\n";
  }
  return out + "</svg>\n";
}

} // namespace edgecc::driver::html
