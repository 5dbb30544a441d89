#include "driver/Console.h"

#include "driver/commands/Commands.h"

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

void Progress::step(const std::string &what) {
  if (!enabled_)
    return;
  auto elapsed = std::chrono::steady_clock::now() - start_;
  if (elapsed < std::chrono::seconds(1))
    return;
  shown_ = true;
  fmt::print(stderr, "\r\033[K[{:.0f} s] {}", std::chrono::duration<double>(elapsed).count(), what);
  std::fflush(stderr);
}

} // namespace edgecc::driver
