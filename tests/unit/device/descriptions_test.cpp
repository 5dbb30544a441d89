// Descriptions of devices: what no machine can be is refused with the field, the rule, and the line
// of the file that says it, also where a description only changes another one.
#include "backends/device/Device.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>

namespace edgecc::device {
namespace {

using emulator::DeviceT;
using testing::HasSubstr;

class Descriptions : public testing::Test {
protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / "descriptions";
    std::filesystem::create_directories(folder_);
  }
  // Why a description with this content is refused.
  std::string refusal(const std::string &json, const std::string &name = "own.json") {
    std::string path = (folder_ / name).string();
    std::ofstream(path) << json;
    auto device = loadDevice(path);
    return device ? "accepted" : str(device.error());
  }
  std::filesystem::path folder_;
};

struct Mistake {
  const char *field; // and what is wrong with it
  void (*make)(DeviceT &);
};

class Mistakes : public testing::TestWithParam<std::pair<const char *, Mistake>> {};

TEST_P(Mistakes, AreNamedByField) {
  auto device = loadDevice(GetParam().first);
  ASSERT_TRUE(device) << str(device.error());
  ASSERT_TRUE(emulator::checkDevice(*device));
  GetParam().second.make(*device);
  auto checked = emulator::checkDevice(*device);
  ASSERT_FALSE(checked) << GetParam().second.field;
  EXPECT_THAT(checked.error().message, HasSubstr(GetParam().second.field));
}

const Mistake kScheduled[] = {
    {"engines[0].activations: 'Rleu' is no function",
     [](DeviceT &d) { d.scheduled->engines[0]->activations.push_back("Rleu"); }},
    {"engines[0].units_per_stream: must not exceed count, 2",
     [](DeviceT &d) { d.scheduled->engines[0]->units_per_stream = 4'000'000'000; }},
    {"scheduled.default_units: must not exceed the 16 vector units",
     [](DeviceT &d) { d.scheduled->default_units = 4'000'000'000; }},
    {"scheduled.default_units", [](DeviceT &d) { d.scheduled->default_units = 9; }}, // two streams
    {"engines[2].name: is that of an earlier engine",
     [](DeviceT &d) { d.scheduled->engines[2]->name = d.scheduled->engines[0]->name; }},
    {"memories[1].name: is that of an earlier memory",
     [](DeviceT &d) { d.scheduled->memories[1]->name = d.scheduled->memories[0]->name; }},
    {"engines[1].rates: names a kind of work twice",
     [](DeviceT &d) { d.scheduled->engines[1]->rates[1]->work = emulator::WorkClass::Dense; }},
    {"memories[1].burst_bytes: must be a power of two",
     [](DeviceT &d) { d.scheduled->memories[1]->burst_bytes = 48; }},
    {"engines[2].bus_bytes", [](DeviceT &d) { d.scheduled->engines[2]->bus_bytes = 1u << 31; }},
    {"engines[1].tile_us",
     [](DeviceT &d) {
       d.scheduled->engines[1]->tile_us = std::numeric_limits<double>::quiet_NaN();
     }},
    {"engines[1].float_types", [](DeviceT &d) { d.scheduled->engines[1]->float_types = {"f64"}; }},
    {"engines[1].memories", [](DeviceT &d) { d.scheduled->engines[1]->memories.clear(); }},
    {"engines[1].slices_per_unit",
     [](DeviceT &d) { d.scheduled->engines[1]->slices_per_unit = 1u << 31; }},
    {"engines[0].limits.pools",
     [](DeviceT &d) { d.scheduled->engines[0]->limits->pools[0]->pool_stride = 9; }},
    {"engines[0].limits.pools",
     [](DeviceT &d) { d.scheduled->engines[0]->limits->pools[0]->kernel = 0; }},
    {"scheduled.max_units_times_streams",
     [](DeviceT &d) { d.scheduled->max_units_times_streams = 1u << 31; }},
};

const Mistake kDataflow[] = {
    {"dataflow.row_alignment: must be a power of two",
     [](DeviceT &d) { d.dataflow->row_alignment = 12; }},
    {"dataflow.work.controllers", [](DeviceT &d) { d.dataflow->work[0]->controllers = 0; }},
    {"dataflow.work: names a kind of work twice",
     [](DeviceT &d) { d.dataflow->work[1]->work = d.dataflow->work[0]->work; }},
};

std::vector<std::pair<const char *, Mistake>> all() {
  std::vector<std::pair<const char *, Mistake>> mistakes;
  for (const Mistake &mistake : kScheduled)
    mistakes.emplace_back("myriadx", mistake);
  for (const Mistake &mistake : kDataflow)
    mistakes.emplace_back("hailo8", mistake);
  return mistakes;
}

INSTANTIATE_TEST_SUITE_P(Devices, Mistakes, testing::ValuesIn(all()));

TEST_F(Descriptions, ThatComeAlongAreRight) {
  for (const std::string &name : deviceNames()) {
    auto device = loadDevice(name);
    EXPECT_TRUE(device) << str(device.error());
  }
}

TEST_F(Descriptions, AMistakeInAVariantHasItsOwnLine) {
  EXPECT_THAT(
      refusal("{\n  // more of it\n  \"name\": \"big\",\n  \"base\": \"hailo8\",\n"
              "  \"dataflow\": {\n    \"clusters\": 4,\n    \"row_alignment\": 12\n  }\n}\n"),
      testing::AllOf(HasSubstr("dataflow.row_alignment: must be a power of two"),
                     HasSubstr("own.json:7")));
}

TEST_F(Descriptions, WhatTheBaseSaysHasTheLineOfTheBase) {
  std::ofstream(folder_ / "base.json") << "{ \"name\": \"b\", \"base\": \"hailo8\",\n\n"
                                          "  \"static_watts\": -1 }";
  EXPECT_THAT(refusal("{\n\"name\": \"c\",\n\"base\": \"base.json\"\n}"),
              testing::AllOf(HasSubstr("static_watts"), HasSubstr("base.json:3")));
}

TEST_F(Descriptions, AListIsItsOwn) {
  EXPECT_THAT(
      refusal("{ \"name\": \"v\", \"base\": \"myriadx\",\n  \"scheduled\": { \"engines\": [\n"
              "    { \"name\": \"a\", \"kind\": \"Host\", \"clock_mhz\": 1,\n"
              "      \"memories\": [\"ddr\"] },\n"
              "    { \"name\": \"a\", \"kind\": \"Host\", \"clock_mhz\": 1,\n"
              "      \"memories\": [\"ddr\"] } ] } }"),
      testing::AllOf(HasSubstr("engines[1].name"), HasSubstr("own.json:5")));
}

TEST_F(Descriptions, WhatIsNotInTheSchemaHasItsLine) {
  EXPECT_THAT(refusal("{\n  \"name\": \"v\",\n  \"base\": \"myriadx\",\n  \"sheduled\": {}\n}"),
              testing::AllOf(HasSubstr("sheduled"), HasSubstr("4")));
}

} // namespace
} // namespace edgecc::device
