#include "backends/reference/ReferenceExecutor.h"
#include "bench/zoo/Csv.h"
#include "bench/zoo/RandomWeights.h"
#include "bench/zoo/Zoo.h"
#include "frontend/onnx/Exporter.h"
#include "ir/Verifier.h"
#include "tests/support/SharedData.h"

#include <cmath>
#include <gmock/gmock.h>
#include <set>

namespace edgecc::zoo {
namespace {

const Topology &need(const std::string &name) {
  const Topology *topology = findTopology(name);
  if (!topology)
    throw std::runtime_error("no topology " + name);
  return *topology;
}

TEST(Zoo, ModulesAreValidAndNamesUnique) {
  std::set<std::string> names;
  for (const Topology &topology : topologies()) {
    EXPECT_TRUE(names.insert(topology.name).second) << topology.name;
    auto module = topology.build();
    auto valid = verify(*module);
    EXPECT_TRUE(valid.has_value()) << topology.name << ": " << str(valid.error());
    EXPECT_EQ(module->name, topology.name);
  }
}

// What the authors of the networks, or of their best known implementations, print.
TEST(Zoo, SizesAreThoseOfTheLiterature) {
  struct Figure {
    const char *name;
    double megaParameters, gigaMacs;
  };
  constexpr Figure kFigures[] = {
      {"resnet18", 11.69, 1.814},
      {"resnet50", 25.56, 4.089},
      {"mobilenet_v1", 4.23, 0.569},
      {"mobilenet_v2", 3.50, 0.301},
      {"efficientnet_b0", 5.29, 0.386},
      {"regnety_400mf", 4.34, 0.402},
      {"mobilenet_v3_large", 5.48, 0.217},
      {"mobilenet_v3_small", 2.54, 0.057},
      {"mnasnet1_0", 4.38, 0.314},
      {"proxylessnas_mobile", 4.08, 0.320},
      {"densenet121", 7.98, 2.834},
      {"googlenet", 6.62, 1.498},
      {"shufflenet_v2_x1_0", 2.28, 0.145},
      {"squeezenet1_1", 1.24, 0.349},
      {"vgg16", 138.36, 15.47},
      {"alexnet", 61.10, 0.714},
      {"regnetx_1.6gf", 9.19, 1.603},
      {"vit_base", 86.57, 17.56},
      {"swin_tiny", 28.29, 4.49},
      {"r3d_18", 33.37, 40.70},
      {"yolov8n", 3.15, 4.35},
      {"yolov6n_r2_640", 4.3, 5.55},
      {"yolov11n", 2.62, 3.25},
      {"yolov10n", 2.3, 3.35},
      {"resnet8", 0.0781, 0.0125},
      {"hardnet68", 17.57, 4.256},
      {"yolov3_416", 61.95, 32.93},
  };
  for (const Figure &figure : kFigures) {
    Size size = sizeOf(*need(figure.name).build());
    EXPECT_NEAR(size.megaParameters() / figure.megaParameters, 1, 0.015) << figure.name;
    EXPECT_NEAR(size.gigaOps() / 2 / figure.gigaMacs, 1, 0.03) << figure.name;
  }
}

// The benchmark of ncnn prints the sizes of its layers.
TEST(Zoo, HasTheFormsOfNcnnsBenchmark) {
  struct Figure {
    const char *name;
    double megaParameters, megaMacs;
  };
  constexpr Figure kFigures[] = {
      {"mobilenet_v1", 4.221, 568.7},        {"mobilenet_v2_caffe", 3.489, 313.6},
      {"squeezenet1_1_caffe", 1.235, 418.5}, {"googlenet_caffe", 6.999, 1582.7},
      {"efficientnet_b0", 5.268, 385.8},     {"shufflenet_v2_x1_0", 2.271, 144.9},
      {"regnety_400mf", 4.331, 401.8},       {"resnet18", 11.689, 1826.9},
      {"resnet50_caffe", 25.530, 3858.0},    {"vgg16", 138.358, 15470.3},
  };
  for (const Figure &figure : kFigures) {
    Size size = sizeOf(*need(figure.name).build());
    EXPECT_NEAR(size.megaParameters() / figure.megaParameters, 1, 0.004) << figure.name;
    EXPECT_NEAR(size.gigaOps() / 2e-3 / figure.megaMacs, 1, 0.008) << figure.name;
  }
}

// Random weights, from which values must neither vanish nor overflow.
TEST(Zoo, RandomWeightsKeepTheScaleOfValues) {
  auto fill = [](const char *name, uint64_t seed) {
    auto module = need(name).build();
    fillWithRandom(*module, seed);
    return module;
  };
  auto one = fill("densenet121", 1), same = fill("densenet121", 1), other = fill("densenet121", 2);
  bool differ = false;
  for (size_t i = 0; i < one->parameters().size(); ++i) {
    const Tensor &a = one->parameters()[i]->content;
    EXPECT_TRUE(a == same->parameters()[i]->content);
    differ |= !(a == other->parameters()[i]->content);
  }
  EXPECT_TRUE(differ);
  for (const char *name : {"efficientnet_b0", "densenet121", "resnet18"}) {
    auto module = fill(name, 1);
    Tensor image(DType::F32, module->main().body.argument(0)->dims());
    for (int64_t i = 0; i < image.elements(); ++i)
      image.setDouble(i, static_cast<double>(i % 251) / 250);
    auto outputs = ReferenceExecutor().run(module->main(), std::vector<Tensor>{image});
    ASSERT_TRUE(outputs.has_value()) << str(outputs.error());
    for (float value : (*outputs)[0].data<float>()) {
      ASSERT_TRUE(std::isfinite(value)) << name;
      ASSERT_TRUE(value == 0 || std::fabs(value) > 1e-12) << name;
    }
  }
}

// The columns in which a row contradicts itself or its source; the topology's note says how.
bool isOffInRow(const std::string &model, const std::string &column) {
  static const std::set<std::pair<std::string, std::string>> known = {
      {"yolov5m_seg", "params_m"},  {"yolov3", "params_m"},    {"yolov3", "ops_g"},
      {"yolov3_gluon", "params_m"}, {"deit_tiny", "params_m"}, {"deit_small", "params_m"},
      {"deit_base", "params_m"},    {"vit_small", "params_m"}, {"vit_small", "ops_g"},
      {"vit_tiny", "ops_g"},        {"yolov10b", "params_m"},  {"yolov10x", "params_m"},
  };
  return known.contains({model, column});
}

TEST(Zoo, SizesAreThoseOfThePublishedRows) {
  auto path = test::sharedDir() / "devices" / "hailo8_published.csv";
  EDGECC_NEED_SHARED(path);
  auto rows = readCsv(path);
  ASSERT_TRUE(rows.has_value()) << str(rows.error());
  int compared = 0;
  for (const CsvRow &row : *rows) {
    const std::string &model = row.text("model"), &role = row.text("role");
    if (row.text("rebuildable_topology").empty() || (role != "calibrate" && role != "check"))
      continue;
    const Topology *topology = findTopology(row.text("device"), model, row.text("input_hwc"));
    ASSERT_TRUE(topology) << model;
    Size size = sizeOf(*topology->build());
    auto compare = [&](const std::string &column, double ours) {
      auto published = row.number(column);
      ASSERT_TRUE(published) << model << " " << column;
      double deviation = std::fabs(ours / *published - 1);
      if (isOffInRow(model, column)) {
        EXPECT_GT(deviation, 0.031) << model << " " << column << " agrees by now";
        EXPECT_FALSE(topology->note.empty()) << model << " " << column;
      } else {
        EXPECT_LE(deviation, 0.031) << model << " " << column << ": " << ours;
      }
      ++compared;
    };
    compare("params_m", size.megaParameters());
    compare("ops_g", size.gigaOpsWithZeros());
  }
  EXPECT_GT(compared, 100);
}

TEST(Zoo, HasTheMeasuredAndPredictedRowsOfMyriadX) {
  auto path = test::sharedDir() / "devices" / "myriadx_published.csv";
  EDGECC_NEED_SHARED(path);
  auto rows = readCsv(path);
  ASSERT_TRUE(rows.has_value()) << str(rows.error());
  for (const CsvRow &row : *rows)
    if (!row.text("rebuildable_topology").empty() && row.text("role") != "lower bound only")
      EXPECT_TRUE(findTopology(row.text("device"), row.text("model"), row.text("input_hw")))
          << row.text("model");
}

TEST(Zoo, CountsInsertedZerosOfTransposedConvolutions) {
  Size size = sizeOf(*need("centernet_resnet_v1_18").build());
  // Three of stride 2 with 4x4 kernels: 256 channels at 16x16, 128 at 32x32, 64 at 64x64.
  int64_t macs = 16 * (16 * 16 * 256 * 256 + 32 * 32 * 128 * 128 + 64 * 64 * 64 * 64);
  EXPECT_EQ(size.insertedZeroMacs, 3 * macs);
}

TEST(Zoo, ModulesGoThroughOnnx) {
  for (const char *name : {"squeezenet1_1", "mobilenet_v3_small", "yolov8n_416", "yolov10n"}) {
    auto module = need(name).build();
    auto bytes = exportOnnx(*module);
    ASSERT_TRUE(bytes.has_value()) << name << ": " << str(bytes.error());
    EXPECT_GT(bytes->size(), static_cast<size_t>(sizeOf(*module).parameters) * 4) << name;
  }
}

TEST(Csv, QuotedCellsHoldCommasQuotesAndLineBreaks) {
  auto rows = parseCsv("a,b\n\"x, \"\"y\"\"\",2.5\r\n\"1\n2\",z\n", "test");
  ASSERT_TRUE(rows.has_value()) << str(rows.error());
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].text("a"), "x, \"y\"");
  EXPECT_EQ((*rows)[0].number("b"), 2.5);
  EXPECT_EQ((*rows)[1].text("a"), "1\n2");
  EXPECT_FALSE((*rows)[1].number("b"));
  EXPECT_EQ((*rows)[0].text("c"), "");
  EXPECT_EQ((*rows)[1].line(), 3);
}

TEST(Csv, BrokenTablesAreRefusedWithTheirLine) {
  auto ragged = parseCsv("a,b\n1,2\n3\n", "test");
  ASSERT_FALSE(ragged.has_value());
  EXPECT_THAT(str(ragged.error()), testing::HasSubstr("test:3"));
  EXPECT_FALSE(parseCsv("a,b\n\"1,2\n", "test").has_value());
  EXPECT_FALSE(readCsv("/nonexistent/table.csv").has_value());
}

} // namespace
} // namespace edgecc::zoo
