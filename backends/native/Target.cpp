#include "backends/native/Target.h"

#include <algorithm>
#include <llvm/ADT/StringMap.h>
#include <llvm/TargetParser/Host.h>
#include <sstream>

namespace edgecc::native {

bool NativeTarget::has(std::string_view feature) const {
  return std::find(features.begin(), features.end(), feature) != features.end();
}

std::string NativeTarget::featureString() const {
  std::string out;
  for (const std::string &feature : features)
    out += (out.empty() ? "+" : ",+") + feature;
  return out;
}

const char *NativeTarget::baselineCpu() const {
  switch (arch) {
  case Arch::X86_64:
    return "x86-64";
  case Arch::AArch64:
    return "generic";
  case Arch::RISCV64:
    return "generic-rv64";
  }
  return "generic";
}

static const char *archName(Arch arch) {
  switch (arch) {
  case Arch::X86_64:
    return "x86-64";
  case Arch::AArch64:
    return "aarch64";
  case Arch::RISCV64:
    return "riscv64";
  }
  return "";
}

std::string NativeTarget::str() const {
  std::string out = archName(arch);
  out += " (";
  for (size_t i = 0; i < features.size(); ++i)
    out += (i ? " " : "") + features[i];
  return out + ")";
}

// Every feature that emission or the required-feature check knows, in canonical order.
static const std::vector<std::string> &knownFeatures(Arch arch) {
  static const std::vector<std::string> x86 = {
      "sse3",     "ssse3",    "sse4.1",   "sse4.2",     "popcnt",     "avx",       "f16c",
      "fma",      "avx2",     "bmi",      "bmi2",       "avxvnni",    "avx512f",   "avx512cd",
      "avx512bw", "avx512dq", "avx512vl", "avx512vbmi", "avx512vnni", "avx512bf16"};
  static const std::vector<std::string> arm = {"neon", "fullfp16", "dotprod", "i8mm", "bf16"};
  static const std::vector<std::string> riscv = {"m", "a", "f", "d", "c", "v"};
  switch (arch) {
  case Arch::X86_64:
    return x86;
  case Arch::AArch64:
    return arm;
  case Arch::RISCV64:
    return riscv;
  }
  return x86;
}

struct Level {
  const char *name;
  const char *base;     // the level that it extends, listed before it; null: none
  const char *features; // beyond those of `base`
};

static const std::vector<Level> &levels(Arch arch) {
  static const std::vector<Level> x86 = {
      {"baseline", nullptr, ""},
      {"avx2", nullptr, "sse3 ssse3 sse4.1 sse4.2 popcnt avx f16c fma avx2 bmi bmi2"},
      {"avxvnni", "avx2", "avxvnni"},
      {"avx512", "avx2", "avx512f avx512cd avx512bw avx512dq avx512vl"},
      {"avx512vnni", "avx512", "avx512vnni"}};
  static const std::vector<Level> arm = {{"baseline", nullptr, "neon"},
                                         {"neon", "baseline", ""},
                                         {"dotprod", "neon", "dotprod"},
                                         {"i8mm", "dotprod", "i8mm"}};
  static const std::vector<Level> riscv = {
      {"baseline", nullptr, "m a f d c"}, {"rv64gc", "baseline", ""}, {"rv64gcv", "rv64gc", "v"}};
  switch (arch) {
  case Arch::X86_64:
    return x86;
  case Arch::AArch64:
    return arm;
  case Arch::RISCV64:
    return riscv;
  }
  return x86;
}

static Arch hostArch() {
#if defined(__x86_64__)
  return Arch::X86_64;
#elif defined(__aarch64__)
  return Arch::AArch64;
#elif defined(__riscv)
  return Arch::RISCV64;
#else
#error "edgecc runs on x86-64, AArch64 and RISC-V"
#endif
}

// Derives the register budget from the features.
static void plan(NativeTarget &target) {
  target.fma = true;
  target.vectorBytes = 16;
  target.vectorRegisters = 32;
  switch (target.arch) {
  case Arch::X86_64:
    target.fma = target.has("fma");
    target.halfConvert = target.has("f16c");
    target.vectorRegisters = 16;
    if (target.has("avx2"))
      target.vectorBytes = 32;
    // Masked accesses of all element widths need the byte and the short-vector forms.
    if (target.has("avx512vl") && target.has("avx512bw") && target.has("avx512dq")) {
      target.vectorBytes = 64;
      target.vectorRegisters = 32;
      target.maskedMemory = true;
    }
    target.dot8 =
        target.vectorBytes == 64
            ? target.has("avx512vnni")
            : target.vectorBytes == 32 &&
                  (target.has("avxvnni") || (target.has("avx512vnni") && target.has("avx512vl")));
    break;
  case Arch::AArch64:
    target.dot8 = target.has("dotprod");
    target.halfConvert = true;
    break;
  case Arch::RISCV64:
    // Without V the 32 scalar registers hold eight 4-lane vectors.
    if (!target.has("v"))
      target.vectorRegisters = 8;
    break;
  }
}

static Expected<NativeTarget> baseTarget(const std::string &name) {
  NativeTarget target;
  std::string base = name;
  bool bare = base.size() > 5 && base.ends_with("-none");
  if (bare)
    base.resize(base.size() - 5);
  if (base == "native") {
    target.arch = hostArch();
  } else if (base == "x86-64" || base == "x86_64") {
    target.arch = Arch::X86_64;
  } else if (base == "aarch64") {
    target.arch = Arch::AArch64;
  } else if (base == "riscv64") {
    target.arch = Arch::RISCV64;
  } else {
    return error("unknown target '" + name + "'", "--target",
                 "use native, x86-64, aarch64 or riscv64 (with -none for bare metal)");
  }
  const char *triples[] = {"x86_64-unknown-", "aarch64-unknown-", "riscv64-unknown-"};
  target.triple = triples[static_cast<int>(target.arch)];
  target.triple += bare ? "none-elf" : "linux-gnu";
  target.cpu = target.baselineCpu();
  return target;
}

static void setHostFeatures(NativeTarget &target) {
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  for (const std::string &feature : knownFeatures(target.arch)) {
    auto it = host.find(feature);
    if (it != host.end() && it->second)
      target.features.push_back(feature);
  }
  target.cpu = llvm::sys::getHostCPUName().str();
}

static std::vector<std::string> split(const std::string &text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string word; in >> word;)
    out.push_back(word);
  return out;
}

static Expected<void> setLevel(NativeTarget &target, const std::string &level) {
  const std::vector<Level> &all = levels(target.arch);
  auto find = [&](std::string_view name) { return std::ranges::find(all, name, &Level::name); };
  if (auto found = find(level); found != all.end()) {
    for (const Level *each = &*found; each; each = each->base ? &*find(each->base) : nullptr) {
      auto features = split(each->features);
      target.features.insert(target.features.begin(), features.begin(), features.end());
    }
    return {};
  }
  std::string names;
  for (const Level &candidate : all)
    names += (names.empty() ? "" : ", ") + std::string(candidate.name);
  return error("unknown CPU level '" + level + "' for " + archName(target.arch), "--cpu",
               "use " + names + (target.arch == hostArch() ? " or host" : "") +
                   ", optionally followed by +feature or -feature");
}

// Applies "+a-b+c".
static Expected<void> adjust(NativeTarget &target, const std::string &changes) {
  const auto &known = knownFeatures(target.arch);
  for (size_t at = 0; at < changes.size();) {
    size_t next = changes.find_first_of("+-", at + 1);
    std::string feature = changes.substr(at + 1, next == std::string::npos ? next : next - at - 1);
    if (std::find(known.begin(), known.end(), feature) == known.end()) {
      std::string names;
      for (const std::string &name : known)
        names += " " + name;
      return error("unknown CPU feature '" + feature + "'", "--cpu", "known features:" + names);
    }
    auto it = std::find(target.features.begin(), target.features.end(), feature);
    if (changes[at] == '+' && it == target.features.end())
      target.features.push_back(feature);
    if (changes[at] == '-' && it != target.features.end())
      target.features.erase(it);
    at = next == std::string::npos ? changes.size() : next;
  }
  std::sort(target.features.begin(), target.features.end(), [&](const auto &a, const auto &b) {
    return std::find(known.begin(), known.end(), a) < std::find(known.begin(), known.end(), b);
  });
  return {};
}

Expected<NativeTarget> resolveTarget(const std::string &name, const std::string &cpu) {
  EDGECC_TRY(target, baseTarget(name));
  size_t cut = cpu.find_first_of("+-");
  std::string level = cpu.substr(0, cut);
  if (level.empty())
    level = target.arch == hostArch() ? "host" : "baseline";
  if (level == "host") {
    if (target.arch != hostArch())
      return error(std::string("--cpu host names this machine's CPU, but the target is ") +
                       archName(target.arch),
                   "--cpu", "name a level of that architecture");
    setHostFeatures(target);
  } else {
    EDGECC_CHECK(setLevel(target, level));
  }
  if (cut != std::string::npos)
    EDGECC_CHECK(adjust(target, cpu.substr(cut)));
  plan(target);
  return target;
}

} // namespace edgecc::native
