#include "driver/report/Html.h"

#include "driver/Console.h"
#include "driver/report/ReportJson.h"
#include "driver/report/Svg.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace edgecc::driver::html {

namespace {

// Bytes of the UTF-8 character at `i`; 0 if there is none.
size_t characterAt(std::string_view text, size_t i) {
  auto first = static_cast<unsigned char>(text[i]);
  size_t length = first < 0x80                     ? 1
                  : first >= 0xC2 && first <= 0xDF ? 2
                  : first >= 0xE0 && first <= 0xEF ? 3
                  : first >= 0xF0 && first <= 0xF4 ? 4
                                                   : 0;
  if (i + length > text.size())
    return 0;
  for (size_t k = 1; k < length; ++k)
    if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80)
      return 0;
  return length;
}

// Where noise is drawn: beyond 80 dB it is that of float arithmetic.
class NoiseScale {
public:
  explicit NoiseScale(const std::vector<NoisePoint> &points) {
    double low = 40, high = 40;
    auto include = [&](double sqnr) {
      double shown = clamped(sqnr);
      low = std::min(low, shown);
      high = std::max(high, shown);
    };
    for (const NoisePoint &point : points) {
      include(point.accumulated);
      if (point.alone && !std::isinf(*point.alone))
        include(*point.alone);
    }
    low_ = std::floor(low / 10) * 10;
    high_ = std::ceil(high / 10) * 10 + (low == high ? 10 : 0);
  }

  static double clamped(double sqnr) {
    return std::isnan(sqnr) ? 0 : std::clamp(sqnr, -20.0, 80.0);
  }
  double low() const { return low_; }
  double high() const { return high_; }
  double y(double sqnr) const {
    return kTop + (high_ - clamped(sqnr)) / (high_ - low_) * (kBottom - kTop);
  }

  static constexpr double kTop = 12, kBottom = 232;

private:
  double low_, high_;
};

} // namespace

std::string escape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    size_t length = characterAt(text, i);
    char c = text[i];
    if (length == 0 || static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      out += "\uFFFD";
    else if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\'')
      out += "&#39;";
    else
      out += text.substr(i, length);
    i += std::max<size_t>(1, length);
  }
  return out;
}

std::string decibels(double sqnr) {
  if (std::isinf(sqnr))
    return sqnr > 0 ? "equal" : "−∞";
  return std::isnan(sqnr) ? "NaN" : fmt::format("{:.1f}", sqnr);
}

std::string noiseChart(const std::vector<NoisePoint> &points) {
  constexpr double kLeft = 44, kRight = 948, kHeight = 262;
  NoiseScale scale(points);
  double pitch = (kRight - kLeft) / static_cast<double>(std::max<size_t>(1, points.size()));
  auto x = [&](size_t i) { return kLeft + (static_cast<double>(i) + 0.5) * pitch; };
  std::string out = fmt::format("<svg class=\"chart\" viewBox=\"0 0 960 {}\" role=\"img\" "
                                "aria-label=\"Signal-to-noise ratio of each layer\">\n",
                                kHeight);
  double step = tickStep(scale.high() - scale.low(), 6);
  for (double tick = scale.low(); tick <= scale.high() + 1e-9; tick += step) {
    out += line(kLeft, scale.y(tick), kRight, scale.y(tick), "grid");
    out += text(kLeft - 8, scale.y(tick) + 4, "end", fmt::format("{:.0f}", tick));
  }
  size_t every = std::max<size_t>(1, static_cast<size_t>(std::ceil(28 / pitch)));
  for (size_t i = 0; i < points.size(); i += every)
    out += text(x(i), NoiseScale::kBottom + 16, "middle", std::to_string(i + 1));
  out += "<polyline class=\"accumulated\" points=\"";
  for (size_t i = 0; i < points.size(); ++i)
    out += fmt::format("{:.1f},{:.1f} ", x(i), scale.y(points[i].accumulated));
  out += "\"/>\n";
  double radius = std::clamp(pitch / 4, 1.5, 4.0);
  for (size_t i = 0; i < points.size(); ++i) {
    const NoisePoint &point = points[i];
    std::string title = fmt::format("{}. {}: {} dB accumulated", i + 1, escape(point.layer),
                                    decibels(point.accumulated));
    if (point.alone)
      title += fmt::format(", {} dB alone", decibels(*point.alone));
    out += fmt::format("<g><title>{}</title>", title);
    out += rectangle("hover", x(i) - pitch / 2, NoiseScale::kTop, pitch,
                     NoiseScale::kBottom - NoiseScale::kTop);
    out += fmt::format("<circle class=\"accumulated\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\"/>",
                       x(i), scale.y(point.accumulated), radius * 0.8);
    if (point.alone && !std::isinf(*point.alone)) { // a diamond, so that colour does not tell alone
      double cy = scale.y(*point.alone);
      out += fmt::format("<path class=\"alone\" d=\"M{0:.1f} {1:.1f}l{2:.1f} {2:.1f}l-{2:.1f} "
                         "{2:.1f}l-{2:.1f} -{2:.1f}z\"/>",
                         x(i), cy - radius * 1.2, radius * 1.2);
    }
    out += "</g>\n";
  }
  return out + text((kLeft + kRight) / 2, kHeight - 1, "middle", "layer, in order of execution") +
         "</svg>\n";
}

std::string timeChart(const std::vector<TimeBar> &bars) {
  constexpr double kLeft = 250, kRight = 876, kRow = 24, kBar = 8;
  double most = 0;
  for (const TimeBar &bar : bars)
    most = std::max({most, bar.after, bar.before.value_or(0)});
  if (most <= 0)
    return "";
  double height = kRow * static_cast<double>(bars.size()) + 22;
  std::string out = fmt::format("<svg class=\"chart\" viewBox=\"0 0 960 {:.0f}\" role=\"img\" "
                                "aria-label=\"Time of each layer\">\n",
                                height);
  double step = tickStep(most, 6);
  for (double tick = 0; tick <= most; tick += step) {
    double x = kLeft + tick / most * (kRight - kLeft);
    out += line(x, 0, x, height - 20, "grid");
    out += text(x, height - 5, "middle", tick == 0 ? "0" : formatTime(tick));
  }
  for (size_t i = 0; i < bars.size(); ++i) {
    const TimeBar &bar = bars[i];
    double y = kRow * static_cast<double>(i);
    auto width = [&](double ns) { return std::max(0.5, ns / most * (kRight - kLeft)); };
    out += "<g><title>" + escape(bar.layer) + ": ";
    out += bar.before ? formatTime(*bar.before) + " before, " : "";
    out += formatTime(bar.after) + (bar.before ? " after" : "") + "</title>";
    out += text(kLeft - 8, y + 16, "end", shortened(bar.layer, 36));
    if (bar.before)
      out += rectangle("before", kLeft, y + 4, width(*bar.before), kBar);
    out += rectangle("after", kLeft, y + (bar.before ? 4 + kBar : 8), width(bar.after), kBar);
    double end = kLeft + width(std::max(bar.after, bar.before.value_or(0)));
    std::string label = formatTime(bar.after);
    if (bar.before && *bar.before > 0 && bar.after > 0)
      label = fmt::format("{:.2f}×", *bar.before / bar.after);
    out += text(end + 6, y + 16, "start", label) + "</g>\n";
  }
  return out + "</svg>\n";
}

std::string histogramChart(const Histogram &histogram, const std::optional<Range> &covered,
                           std::string_view title) {
  constexpr double kWidth = 160, kHeight = 48;
  Histogram shown = coarse(histogram, 64);
  if (shown.counts.empty())
    return "";
  uint64_t most = std::max<uint64_t>(1, *std::ranges::max_element(shown.counts));
  double bar = kWidth / static_cast<double>(shown.counts.size());
  std::string out = fmt::format("<svg class=\"histogram\" viewBox=\"0 0 {:.0f} {:.0f}\" "
                                "role=\"img\" aria-label=\"{}\"><title>{}</title>\n",
                                kWidth, kHeight + 16, escape(title), escape(title));
  for (size_t i = 0; i < shown.counts.size(); ++i) {
    if (shown.counts[i] == 0)
      continue;
    double share = static_cast<double>(shown.counts[i]) / static_cast<double>(most);
    double height = std::max(1.0, std::sqrt(share) * kHeight); // rare values stay visible
    double low = shown.range.low + static_cast<double>(i) * shown.width();
    bool isOutside = covered && (low >= covered->high || low + shown.width() <= covered->low);
    out += rectangle(isOutside ? "outside" : "inside", static_cast<double>(i) * bar,
                     kHeight - height, std::max(0.6, bar - 0.6), height);
  }
  out += line(0, kHeight, kWidth, kHeight, "axis");
  out += text(0, kHeight + 13, "start", fmt::format("{:.3g}", histogram.range.low));
  out += text(kWidth, kHeight + 13, "end", fmt::format("{:.3g}", histogram.range.high));
  return out + "</svg>\n";
}

} // namespace edgecc::driver::html
