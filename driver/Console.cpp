#include "driver/Console.h"

#include "driver/commands/Commands.h"

#include <algorithm>
#include <fmt/format.h>
#include <unistd.h>

namespace edgecc::driver {

int report(const Diagnostics &diagnostics) {
  for (const Diagnostic &diagnostic : diagnostics)
    fmt::print(stderr, "edgecc: error: {}\n", diagnostic.str());
  return kUserError;
}

std::string formatBytes(double bytes) {
  if (bytes < 1000)
    return fmt::format("{:.0f} B", bytes);
  if (bytes < 1e6)
    return fmt::format("{:.1f} KB", bytes / 1e3);
  if (bytes < 1e9)
    return fmt::format("{:.2f} MB", bytes / 1e6);
  return fmt::format("{:.2f} GB", bytes / 1e9);
}

std::string formatTime(double nanoseconds) {
  if (nanoseconds < 1e6)
    return fmt::format("{:.1f} us", nanoseconds / 1e3);
  if (nanoseconds < 1e9)
    return fmt::format("{:.2f} ms", nanoseconds / 1e6);
  return fmt::format("{:.2f} s", nanoseconds / 1e9);
}

std::string formatCount(double count) {
  if (count < 1e3)
    return fmt::format("{:.0f}", count);
  if (count < 1e6)
    return fmt::format("{:.1f} K", count / 1e3);
  if (count < 1e9)
    return fmt::format("{:.1f} M", count / 1e6);
  return fmt::format("{:.2f} G", count / 1e9);
}

Progress::Progress(bool enabled)
    : enabled_(enabled && isatty(STDERR_FILENO)), start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (shown_)
    fmt::print(stderr, "\r\033[K");
}

void Progress::show(const std::string &line) {
  auto now = std::chrono::steady_clock::now();
  if (now - start_ < std::chrono::seconds(1))
    return;
  shown_ = true;
  lastShown_ = now;
  fmt::print(stderr, "\r\033[K[{:.0f} s] {}", std::chrono::duration<double>(now - start_).count(),
             line);
  std::fflush(stderr);
}

void Progress::step(const std::string &what) {
  current_.clear();
  if (enabled_)
    show(what);
}

void Progress::advance(const std::string &what, size_t done, size_t total) {
  constexpr auto kRefresh = std::chrono::milliseconds(100);
  constexpr size_t kWidth = 24;
  if (!enabled_ || total == 0)
    return;
  auto now = std::chrono::steady_clock::now();
  if (what != current_) {
    current_ = what;
    currentStart_ = now;
  }
  if (now - lastShown_ < kRefresh && done < total)
    return;
  double share = static_cast<double>(std::min(done, total)) / static_cast<double>(total);
  double spent = std::chrono::duration<double>(now - currentStart_).count();
  size_t filled = static_cast<size_t>(share * kWidth);
  std::string line = fmt::format("{} [{}{}] {}/{}", what, std::string(filled, '#'),
                                 std::string(kWidth - filled, '.'), done, total);
  if (share > 0 && done < total)
    line += fmt::format(", {:.0f} s left", spent * (1 - share) / share);
  show(line);
}

} // namespace edgecc::driver
