// Damaged blobs with device programs: bit flips, truncation, random bytes and random sections, with
// hashes that do not match and with hashes that were made to. Loading gives an error, or a program
// that runs or reports a fault; nothing else. EDGECC_DEVICE_COUNT sets how many of each.
#include "tests/differential/QuantizedGraphs.h"
#include "tests/support/EmulatedModel.h"
#include "tests/unit/device/HalfGraphs.h"

#include "runtime/blob/BlobWriter.h"
#include "runtime/blob/Hash.h"
#include "runtime/emulator/DeviceBlob.h"

#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <optional>
#include <random>

namespace edgecc::test {
namespace {

using Bytes = std::string;

blob::TensorContents portOf(const Port &port, const Type &type) {
  blob::TensorContents out;
  out.name = port.name;
  std::string name(edgecc::name(type.dtype));
  for (char &c : name)
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  for (auto each : blob::EnumValuesElementType())
    if (name == blob::EnumNameElementType(each))
      out.type = each;
  out.dims = type.dims;
  return out;
}

// Nothing if an op would be left to the host.
std::optional<Bytes> blobOf(const Module &module, const std::string &deviceName) {
  auto device = device::loadDevice(deviceName);
  EXPECT_TRUE(device);
  device::MapOptions options;
  options.allowHost = false; // native code is not what this is about
  auto code = device::mapFunction(module.main(), *device, options);
  if (!code)
    return std::nullopt;
  blob::BlobContents contents;
  const Function &function = module.main();
  for (unsigned i = 0; i < function.inputs.size(); ++i)
    contents.inputs.push_back(portOf(function.inputs[i], function.body.argument(i)->type));
  for (unsigned i = 0; i < function.outputs.size(); ++i)
    contents.outputs.push_back(portOf(function.outputs[i], function.body.yields()[i]->type));
  std::vector<std::byte> program = emulator::writeProgram(code->program);
  blob::DeviceContents &out = contents.device.emplace();
  out.device = deviceName;
  out.program = {reinterpret_cast<const char *>(program.data()), program.size()};
  out.weights = {reinterpret_cast<const char *>(code->weights.data()), code->weights.size()};
  return blob::writeBlob(contents);
}

// Makes the hashes right again, so that what is behind them is tested.
void rehash(Bytes &bytes) {
  auto *data = reinterpret_cast<uint8_t *>(bytes.data());
  blob::FileHeader header;
  std::memcpy(&header, data, sizeof header);
  size_t tableEnd = sizeof header + size_t{header.section_count} * sizeof(blob::SectionEntry);
  if (header.section_count > blob::kMaxSections || tableEnd > bytes.size())
    return;
  for (uint32_t i = 0; i < header.section_count; ++i) {
    uint8_t *at = data + sizeof header + i * sizeof(blob::SectionEntry);
    blob::SectionEntry entry;
    std::memcpy(&entry, at, sizeof entry);
    if (entry.offset > bytes.size() || entry.size > bytes.size() - entry.offset)
      continue;
    entry.hash = blob::hashBytes(data + entry.offset, entry.size);
    std::memcpy(at, &entry, sizeof entry);
  }
  header.header_hash = blob::hashHeader(data, tableEnd);
  std::memcpy(data, &header, sizeof header);
}

// The program section of a blob.
std::pair<size_t, size_t> programOf(const Bytes &bytes) {
  blob::FileHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  for (uint32_t i = 0; i < header.section_count; ++i) {
    blob::SectionEntry entry;
    std::memcpy(&entry, bytes.data() + sizeof header + i * sizeof entry, sizeof entry);
    if (entry.kind == static_cast<uint32_t>(blob::SectionKind::DeviceProgram))
      return {entry.offset, entry.size};
  }
  return {};
}

class Damage {
public:
  explicit Damage(uint64_t seed) : random_(seed) {}

  void flipBits(Bytes &bytes, size_t from, size_t size) {
    for (uint64_t n = 1 + random_() % 8; n > 0; --n)
      bytes[from + random_() % size] ^= static_cast<char>(1 << random_() % 8);
  }
  // Numbers that break arithmetic rather than formats.
  void writeNumbers(Bytes &bytes, size_t from, size_t size) {
    constexpr uint64_t kNumbers[] = {
        0, 1, 0x7f, 0xff, 0x7fffffff, 0xffffffff, uint64_t{1} << 40, INT64_MAX, UINT64_MAX};
    for (uint64_t n = 1 + random_() % 3; n > 0; --n) {
      uint64_t value = kNumbers[random_() % std::size(kNumbers)];
      size_t width = size_t{1} << random_() % 4;
      if (size >= width)
        std::memcpy(bytes.data() + from + random_() % (size - width + 1), &value, width);
    }
  }
  void truncate(Bytes &bytes) { bytes.resize(random_() % bytes.size()); }
  void randomSection(Bytes &bytes, size_t from, size_t size) {
    size_t start = random_() % size, length = 1 + random_() % (size - start);
    for (size_t i = 0; i < length; ++i)
      bytes[from + start + i] = static_cast<char>(random_());
  }

private:
  std::mt19937_64 random_;
};

// Loads, and if that goes well, runs in time and in numbers.
bool survives(const Bytes &bytes) {
  auto blob = emulator::DeviceBlob::load(std::as_bytes(std::span(bytes)));
  if (!blob)
    return false;
  const blob::BlobView &view = (*blob)->view();
  std::vector<std::vector<std::byte>> inputs(view.inputCount()), outputs(view.outputCount());
  std::vector<std::span<const std::byte>> ins;
  std::vector<std::span<std::byte>> outs;
  constexpr uint64_t kMost = 1 << 24;
  auto make = [&](const blob::Tensor &tensor, std::vector<std::byte> &bytes) {
    uint64_t size = 0;
    if (!blob::tensorBytes(tensor, &size) || size > kMost)
      return false;
    bytes.resize(size);
    return true;
  };
  for (uint32_t i = 0; i < view.inputCount(); ++i) {
    if (!make(view.input(i), inputs[i]))
      return false;
    ins.emplace_back(inputs[i]);
  }
  for (uint32_t i = 0; i < view.outputCount(); ++i) {
    if (!make(view.output(i), outputs[i]))
      return false;
    outs.emplace_back(outputs[i]);
  }
  (void)emulator::measure((*blob)->program());
  return (*blob)->run(ins, outs).has_value();
}

uint64_t countOf(uint64_t standard) {
  const char *count = std::getenv("EDGECC_DEVICE_COUNT");
  return count ? std::strtoull(count, nullptr, 10) : standard;
}

std::vector<Bytes> examples() {
  constexpr size_t kEach = 3;
  std::vector<Bytes> blobs;
  for (uint64_t seed = 1; blobs.size() < kEach; ++seed)
    if (auto blob = blobOf(*generateHalf(seed).module, "myriadx"))
      blobs.push_back(std::move(*blob));
  for (uint64_t seed = 1; blobs.size() < 2 * kEach; ++seed) {
    auto graph = generateQuantized(seed, DType::U8);
    EXPECT_TRUE(graph);
    auto module = loweredToIntegers(*graph->module);
    EXPECT_TRUE(module);
    if (auto blob = blobOf(**module, "hailo8"))
      blobs.push_back(std::move(*blob));
  }
  return blobs;
}

TEST(DamagedDeviceBlob, IsWholeAtFirst) {
  for (const Bytes &bytes : examples())
    EXPECT_TRUE(survives(bytes));
}

TEST(DamagedDeviceBlob, IsRefusedWhereHashesDoNotMatch) {
  auto blobs = examples();
  for (uint64_t seed = 0; seed < countOf(400); ++seed) {
    Bytes bytes = blobs[seed % blobs.size()];
    const Bytes whole = bytes;
    Damage damage(seed);
    if (seed % 4 == 0)
      damage.truncate(bytes);
    else if (seed % 4 == 1)
      damage.randomSection(bytes, 0, bytes.size());
    else
      damage.flipBits(bytes, 0, bytes.size());
    // Gaps between sections belong to no hash.
    auto blob = emulator::DeviceBlob::load(std::as_bytes(std::span(bytes)));
    if (blob && bytes != whole) {
      auto again = emulator::writeProgram((*blob)->program());
      auto original = emulator::DeviceBlob::load(std::as_bytes(std::span(whole)));
      ASSERT_TRUE(original);
      EXPECT_EQ(again, emulator::writeProgram((*original)->program())) << "seed " << seed;
    }
  }
}

TEST(DamagedDeviceBlob, NeverCrashesWhereHashesMatch) {
  auto blobs = examples();
  uint64_t loaded = 0;
  for (uint64_t seed = 0; seed < countOf(400); ++seed) {
    Bytes bytes = blobs[seed % blobs.size()];
    auto [from, size] = programOf(bytes);
    Damage damage(seed ^ 0x5eed);
    if (seed % 3 == 0)
      damage.writeNumbers(bytes, from, size);
    else if (seed % 17 == 1)
      damage.randomSection(bytes, from, size);
    else
      damage.flipBits(bytes, from, size);
    rehash(bytes);
    loaded += survives(bytes);
  }
  RecordProperty("still_ran", std::to_string(loaded));
}

} // namespace
} // namespace edgecc::test
