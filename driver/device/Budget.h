// Limits that the user sets for a device program (--budget), and whether it keeps them.
#pragma once

#include "ir/Diagnostic.h"
#include "runtime/emulator/Emulator.h"

#include <nlohmann/json_fwd.hpp>

namespace edgecc::driver {

enum class Quantity : uint8_t { FrameRate, Latency, Memory, Bandwidth, Power, Energy };

struct Limit {
  Quantity quantity = Quantity::FrameRate;
  double value = 0; // frames a second, s, bytes, bytes a second, W, J
};

// "fps=30,latency=24ms,memory=2MB,bandwidth=200MB/s,power=1.5W,energy=40mJ", each at most once.
Expected<std::vector<Limit>> parseBudget(const std::string &text);

// A layer with its part of what is limited, in the limit's unit.
struct Contributor {
  size_t layer = 0; // of the program's
  double amount = 0;
};

struct Verdict {
  Limit limit;
  double value = 0; // what the program needs or reaches
  bool pass = false;
  // The largest first. Amounts of FrameRate and Latency are seconds.
  std::vector<Contributor> contributors;
};

// Bandwidth is what goes off the chip, memory what is occupied on it. Bandwidth and power are those
// at the frame rate that the budget asks for, where the program reaches it; else at its own rate.
std::vector<Verdict> judge(const std::vector<Limit> &budget, const emulator::ProgramT &program,
                           const emulator::RunReport &report);

bool allPass(const std::vector<Verdict> &verdicts);

// One sentence for each limit; where it is missed, by how much, and which layers to change.
std::vector<std::string> describe(const std::vector<Verdict> &verdicts,
                                  const emulator::ProgramT &program);

nlohmann::json budgetJson(const std::vector<Verdict> &verdicts, const emulator::ProgramT &program);

} // namespace edgecc::driver
