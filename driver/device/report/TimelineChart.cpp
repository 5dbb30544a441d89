#include "driver/Console.h"
#include "driver/device/report/Charts.h"
#include "driver/report/Html.h"
#include "driver/report/Svg.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>

namespace edgecc::driver::html {

namespace {

constexpr double kLeft = 190, kRight = 950;

struct Bar {
  int layer = -1;
  unsigned frame = 0;
  double startUs = 0, endUs = 0;
};

struct Track {
  std::string name;
  std::vector<Bar> bars;
};

// Spans closer together than a pixel are one bar where they are of one layer and frame; between
// different layers the longer one is kept, so that drawings of thousands of tiles stay small.
void add(Track &track, const Bar &bar, double pixelUs) {
  if (!track.bars.empty()) {
    Bar &last = track.bars.back();
    bool isSame = last.layer == bar.layer && last.frame == bar.frame;
    if (isSame && bar.startUs - last.endUs < pixelUs) {
      last.endUs = std::max(last.endUs, bar.endUs);
      return;
    }
    double length = bar.endUs - bar.startUs, lastLength = last.endUs - last.startUs;
    if (bar.startUs - last.startUs < pixelUs && std::min(length, lastLength) < pixelUs) {
      if (length > lastLength)
        last = bar;
      return;
    }
  }
  track.bars.push_back(bar);
}

// Loads and transfers each share one resource: one row.
std::string rowOf(const std::string &track) {
  if (track.starts_with("load context "))
    return "loading contexts";
  return track.starts_with("link ") || track.starts_with("host: ")
             ? track.substr(0, track.find(':'))
             : track;
}

// Drops all rows but those with most time in them; returns how many there were.
size_t keepBusiest(std::vector<Track> &tracks) {
  constexpr size_t kRows = 80;
  size_t all = tracks.size();
  if (all <= kRows)
    return all;
  auto busy = [](const Track &track) {
    double us = 0;
    for (const Bar &bar : track.bars)
      us += bar.endUs - bar.startUs;
    return us;
  };
  std::vector<double> times;
  for (const Track &track : tracks)
    times.push_back(busy(track));
  std::ranges::nth_element(times, times.begin() + kRows - 1, std::greater());
  double least = times[kRows - 1];
  std::erase_if(tracks, [&](const Track &track) { return busy(track) < least; });
  return all;
}

// The first frames, up to twice the latency: enough to see how frames overlap.
std::vector<Track> tracksOf(const emulator::RunReport &report, double windowUs) {
  std::vector<Track> tracks;
  std::map<std::string, size_t> indices;
  double pixelUs = windowUs / (kRight - kLeft);
  std::vector<const emulator::Span *> spans;
  for (const emulator::Span &span : report.timeline)
    if (span.startUs < windowUs)
      spans.push_back(&span);
  std::ranges::stable_sort(spans, {}, &emulator::Span::startUs);
  for (const emulator::Span *span : spans) {
    auto [index, isNew] = indices.try_emplace(rowOf(span->track), tracks.size());
    if (isNew)
      tracks.push_back({index->first, {}});
    add(tracks[index->second],
        {span->layer, span->frame, span->startUs, std::min(span->endUs, windowUs)}, pixelUs);
  }
  return tracks;
}

} // namespace

std::string timelineChart(const DeviceReport &report) {
  double end = 0;
  for (const emulator::Span &span : report.measured.timeline)
    end = std::max(end, span.endUs);
  double window = std::min(end, 2 * report.measured.latencyUs);
  if (window <= 0)
    return "";
  std::vector<Track> tracks = tracksOf(report.measured, window);
  size_t all = keepBusiest(tracks);
  bool isScheduled = report.program->scheduled != nullptr;
  if (isScheduled) // engines have names that sort; nodes are in the order of the data
    std::ranges::stable_sort(tracks, {}, &Track::name);
  double row = tracks.size() > 24 ? 11 : 22;
  double height = row * static_cast<double>(tracks.size()) + 24;
  std::string out = fmt::format("<svg class=\"chart timeline{}\" viewBox=\"0 0 960 {:.0f}\" "
                                "role=\"img\" aria-label=\"Timeline of the engines\">\n",
                                row < 16 ? " dense" : "", height);
  auto x = [&](double us) { return kLeft + us / window * (kRight - kLeft); };
  double step = tickStep(window, 8);
  for (double tick = 0; tick <= window * (1 + 1e-9); tick += step) {
    out += line(x(tick), 0, x(tick), height - 20, "grid");
    out += text(x(tick), height - 5, "middle", tick == 0 ? "0" : formatTime(tick * 1e3));
  }
  for (size_t i = 0; i < tracks.size(); ++i) {
    double y = row * static_cast<double>(i);
    std::string name = tracks[i].name;
    if (name.starts_with("layer "))
      name = name.substr(6);
    out += "<g><title>" + escape(tracks[i].name) + "</title>" +
           text(kLeft - 8, y + row * 0.72, "end", shortened(name, row < 16 ? 34 : 26)) + "</g>\n";
    for (const Bar &bar : tracks[i].bars) {
      // Neighbouring layers differ in hue on engines; frames do where a track has one layer.
      auto hue = isScheduled ? static_cast<unsigned>(std::max(bar.layer, 0)) : bar.frame;
      std::string what = bar.layer >= 0
                             ? escape(report.program->layers[static_cast<size_t>(bar.layer)]->name)
                             : escape(tracks[i].name);
      out += fmt::format("<g><title>{}, frame {}: {} to {}</title>", what, bar.frame,
                         formatTime(bar.startUs * 1e3), formatTime(bar.endUs * 1e3));
      out += rectangle(fmt::format("span h{}", hue % 6), x(bar.startUs), y + 1,
                       std::max(0.4, x(bar.endUs) - x(bar.startUs)), row - 2) +
             "</g>";
    }
    out += "\n";
  }
  out += "</svg>\n";
  if (tracks.size() < all)
    out += fmt::format("<p class=\"soft\">The busiest {} rows of {}; --trace writes all.</p>\n",
                       tracks.size(), all);
  return out;
}

std::string occupancyChart(const DeviceReport &report, size_t memory) {
  constexpr double kWidth = 460, kHeight = 130, kFrom = 62, kTop = 8, kBase = 106;
  const emulator::MemoryUse &use = report.measured.memories[memory];
  if (use.occupancy.empty() || use.peak == 0)
    return "";
  double end = std::max(report.measured.latencyUs, use.occupancy.back().first);
  if (end <= 0)
    return "";
  // A memory that is nearly empty is drawn to its peak, not to its capacity.
  bool showsCapacity = use.capacity > 0 && use.capacity < 4 * use.peak;
  double most = static_cast<double>(showsCapacity ? use.capacity : use.peak) * 1.05;
  auto x = [&](double us) { return kFrom + us / end * (kWidth - kFrom - 8); };
  auto y = [&](double bytes) { return kBase - bytes / most * (kBase - kTop); };
  std::string out = fmt::format("<svg class=\"occupancy\" viewBox=\"0 0 {:.0f} {:.0f}\" "
                                "role=\"img\" aria-label=\"Occupied bytes of {}\">\n",
                                kWidth, kHeight, escape(use.name));
  double byteStep = tickStep(most, 4);
  for (double tick = 0; tick <= most; tick += byteStep) {
    out += line(kFrom, y(tick), kWidth - 8, y(tick), "grid");
    out += text(kFrom - 6, y(tick) + 4, "end", tick == 0 ? "0" : formatBytes(tick));
  }
  double timeStep = tickStep(end, 5);
  for (double tick = 0; tick <= end * (1 + 1e-9); tick += timeStep)
    out += text(x(tick), kHeight - 6, "middle", tick == 0 ? "0" : formatTime(tick * 1e3));
  std::string path = fmt::format("M{:.1f} {:.1f}", x(0), y(0));
  for (size_t i = 0; i < use.occupancy.size();) {
    // The highest value of each pixel.
    double at = x(use.occupancy[i].first);
    uint64_t highest = 0, last = 0;
    for (; i < use.occupancy.size() && x(use.occupancy[i].first) < at + 0.5; ++i) {
      last = use.occupancy[i].second;
      highest = std::max(highest, last);
    }
    path += fmt::format("H{:.1f}V{:.1f}", at, y(static_cast<double>(highest)));
    if (last != highest)
      path += fmt::format("h0.5V{:.1f}", y(static_cast<double>(last)));
  }
  path += fmt::format("H{:.1f}V{:.1f}Z", x(end), y(0));
  out += "<path class=\"live\" d=\"" + path + "\"/>\n";
  if (showsCapacity)
    out += line(kFrom, y(static_cast<double>(use.capacity)), kWidth - 8,
                y(static_cast<double>(use.capacity)), "roof");
  return out + "</svg>\n";
}

const char kChartStyle[] = R"css(
.roof { stroke: var(--second); stroke-width: 1.4; }
.timeline.dense text { font-size: 9px; }
.span { stroke: var(--page); stroke-width: 0.3; }
.h0 { fill: #3b76c4; } .h1 { fill: #d08a2e; } .h2 { fill: #4f9d69; }
.h3 { fill: #a05cb5; } .h4 { fill: #c5554d; } .h5 { fill: #5aa7b5; }
.live { fill: var(--accent); fill-opacity: 0.35; stroke: var(--accent); stroke-width: 1; }
.memories { display: grid; grid-template-columns: 1fr 1fr; gap: 12px 24px; }
.memories h3 { font-size: 14px; margin: 6px 0 0; font-weight: 600; }
.memories .figure { break-inside: avoid; }
svg.occupancy text { font-size: 11px; }
table.plain td.left { min-width: 120px; }
ul.advice { padding-left: 18px; }
ul.advice li { margin: 3px 0; }
@media (max-width: 700px) { .memories { grid-template-columns: 1fr; } }
)css";

} // namespace edgecc::driver::html
