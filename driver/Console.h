// What users see: diagnostics, progress, tables.
#pragma once

#include "ir/Diagnostic.h"

#include <chrono>
#include <string>

namespace edgecc::driver {

// Prints every diagnostic to stderr and returns kUserError.
int report(const Diagnostics &diagnostics);

// "1.5 MB", "312 KB", "96 B" (powers of 1000).
std::string formatBytes(double bytes);
// "2.31 ms", "845 us"
std::string formatTime(double nanoseconds);
// "1.2 G", "35.0 M"
std::string formatCount(double count);

// One line on stderr that names the step at hand, shown once the whole has taken over a second and
// only on a terminal.
class Progress {
public:
  explicit Progress(bool enabled);
  ~Progress();
  void step(const std::string &what);
  // The same with a bar and the time left, for `what` of which `done` of `total` parts are done.
  void advance(const std::string &what, size_t done, size_t total);

private:
  bool enabled_;
  void show(const std::string &line);

  bool shown_ = false;
  std::chrono::steady_clock::time_point start_;
  std::string current_; // of advance(), since:
  std::chrono::steady_clock::time_point currentStart_, lastShown_;
};

} // namespace edgecc::driver
