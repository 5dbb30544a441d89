// SPDX-License-Identifier: Apache-2.0
#include "runtime/blob/AtomicFile.h"
#include "runtime/blob/BlobView.h"
#include "tests/unit/runtime/FlatModel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <vector>

using namespace edgecc::blob;
using edgecc::test::FlatModel;

namespace {

/// A copy of a blob at an aligned address, as a loader would hold it.
class Bytes {
public:
  explicit Bytes(const std::string &blob) : size_(blob.size()), storage_(blob.size() / 64 + 2) {
    memcpy(data(), blob.data(), blob.size());
  }
  uint8_t *data() { return storage_[0].bytes; }
  size_t size() const { return size_; }
  ParseResult parse(BlobView *view) { return BlobView::parse(data(), size_, size_, view); }

private:
  struct alignas(64) Line {
    uint8_t bytes[64];
  };
  size_t size_;
  std::vector<Line> storage_;
};

ParseStatus statusOf(const std::string &blob) {
  Bytes bytes(blob);
  BlobView view;
  return bytes.parse(&view).status;
}

TEST(Blob, MetadataSurvivesWritingAndReading) {
  FlatModel model;
  Bytes bytes(writeBlob(model.contents));
  BlobView view;
  ParseResult result = bytes.parse(&view);
  ASSERT_TRUE(result.ok()) << result.detail;
  EXPECT_STREQ(view.metadata().model_name()->c_str(), "flat");
  ASSERT_EQ(view.inputCount(), 2u);
  ASSERT_EQ(view.outputCount(), 3u);
  const Tensor &x = view.input(0);
  EXPECT_STREQ(x.name()->c_str(), "x");
  EXPECT_EQ(x.type(), ElementType::F32);
  EXPECT_EQ(rankOf(x), 2u);
  EXPECT_EQ(x.dims()->Get(0), 6);
  EXPECT_EQ(x.quantization()->scales()->Get(1), 0.25f);
  EXPECT_EQ(x.quantization()->zero_points()->Get(3), 4);
  EXPECT_STREQ(x.preprocessing()->layout()->c_str(), "NHWC");
  EXPECT_TRUE(x.preprocessing()->compiled_in());
  EXPECT_TRUE(view.output(2).dynamic());
  ASSERT_EQ(view.variantCount(), 1u);
  const Variant &variant = view.variant(0);
  EXPECT_EQ(variant.layers()->Get(0)->nodes()->Get(1)->str(), "add");
  EXPECT_EQ(variant.layers()->Get(1)->kind(), LayerKind::ScalarLoop);
  const SectionEntry &code = view.section(variant.code_section());
  EXPECT_EQ(code.offset % kSectionAlignment, 0u);
  EXPECT_EQ(memcmp(bytes.data() + code.offset, model.code.data(), model.code.size()), 0);
}

TEST(Blob, EqualContentsGiveEqualBytes) {
  FlatModel first, second;
  EXPECT_EQ(writeBlob(first.contents), writeBlob(second.contents));
}

TEST(Blob, VariantsShareEqualSections) {
  FlatModel model;
  model.contents.variants.push_back(model.contents.variants[0]);
  std::string otherCode = model.code + std::string(16, '\0');
  model.contents.variants[1].code = otherCode;
  Bytes bytes(writeBlob(model.contents));
  BlobView view;
  ASSERT_TRUE(bytes.parse(&view).ok());
  EXPECT_EQ(view.sectionCount(), 4u); // metadata, two codes, one set of weights
  EXPECT_EQ(view.variant(0).weights_section(), view.variant(1).weights_section());
  EXPECT_NE(view.variant(0).code_section(), view.variant(1).code_section());
}

TEST(Blob, EmptyWeightsAreAllowedAndTheFileHasTheSizeItStates) {
  FlatModel model;
  model.contents.variants[0].weights = {};
  std::string path = testing::TempDir() + "empty_weights.blob";
  ASSERT_EQ(writeBlobFile(path, model.contents), "");
  EXPECT_EQ(edgecc::test::readFile(path), writeBlob(model.contents));
  EXPECT_EQ(statusOf(edgecc::test::readFile(path)), ParseStatus::Ok);
  std::filesystem::remove(path);
}

TEST(Blob, WhatExceedsTheLimitsIsRefusedWithAReason) {
  FlatModel model;
  model.contents.inputs.resize(kMaxTensors + 1, model.contents.inputs[0]);
  std::string refusal;
  EXPECT_EQ(writeBlob(model.contents, &refusal), "");
  EXPECT_THAT(refusal, testing::HasSubstr("exceeds what a blob can hold"));
}

TEST(Blob, EveryFlippedBitOfHeaderAndMetadataIsNoticed) {
  FlatModel model;
  std::string blob = writeBlob(model.contents);
  Bytes bytes(blob);
  BlobView view;
  uint64_t prefix = 0;
  ASSERT_TRUE(BlobView::prefixSize(bytes.data(), bytes.size(), bytes.size(), &prefix).ok());
  for (uint64_t i = 0; i < prefix; ++i)
    for (int bit = 0; bit < 8; ++bit) {
      bytes.data()[i] ^= uint8_t(1 << bit);
      ASSERT_FALSE(bytes.parse(&view).ok()) << "byte " << i << " bit " << bit;
      bytes.data()[i] ^= uint8_t(1 << bit);
    }
  EXPECT_TRUE(bytes.parse(&view).ok());
}

TEST(Blob, EveryTruncationIsNoticed) {
  FlatModel model;
  Bytes bytes(writeBlob(model.contents));
  for (size_t size = 0; size < bytes.size(); ++size) {
    // A copy of the exact size, so that a sanitizer sees a read beyond the end.
    if (size < 8192 || size % 4099 == 0) {
      Bytes cut(std::string(reinterpret_cast<char *>(bytes.data()), size));
      BlobView view;
      ASSERT_FALSE(cut.parse(&view).ok()) << size;
    }
    BlobView view;
    ASSERT_FALSE(BlobView::parse(bytes.data(), size, size, &view).ok()) << size;
  }
}

TEST(Blob, OtherFilesAreNotTakenForBlobs) {
  EXPECT_EQ(statusOf(""), ParseStatus::NotABlob);
  EXPECT_EQ(statusOf("ELF"), ParseStatus::NotABlob);
  EXPECT_EQ(statusOf(std::string(100000, 'x')), ParseStatus::NotABlob);
}

TEST(Blob, TrailingBytesAreRefused) {
  FlatModel model;
  EXPECT_EQ(statusOf(writeBlob(model.contents) + "x"), ParseStatus::Malformed);
}

TEST(Blob, AFutureFormatVersionIsRefusedAsSuch) {
  FlatModel model;
  std::string blob = writeBlob(model.contents);
  blob[8] = 99;
  EXPECT_EQ(statusOf(blob), ParseStatus::Version);
}

#ifdef NDEBUG // writeBlob asserts that its contents are good

struct BadContents {
  const char *what;
  std::function<void(BlobContents &)> spoil;
};

/// Intact hashes, impossible contents.
TEST(Blob, ImpossibleMetadataIsRefused) {
  const uint64_t kHuge = ~uint64_t(0);
  const BadContents cases[] = {
      {"type", [](BlobContents &c) { c.inputs[0].type = ElementType(200); }},
      {"no type", [](BlobContents &c) { c.inputs[0].type = ElementType::Invalid; }},
      {"negative extent", [](BlobContents &c) { c.inputs[0].dims[0] = -1; }},
      {"overflowing shape",
       [](BlobContents &c) { c.outputs[0].dims = {int64_t(1) << 40, int64_t(1) << 40}; }},
      {"overflow behind a zero extent",
       [](BlobContents &c) { c.outputs[0].dims = {0, int64_t(1) << 40, int64_t(1) << 40}; }},
      {"rank", [](BlobContents &c) { c.outputs[0].dims.assign(17, 1); }},
      {"too many inputs", [](BlobContents &c) { c.inputs.resize(5000, c.inputs[1]); }},
      {"dimension names", [](BlobContents &c) { c.inputs[0].dimNames = {"a"}; }},
      {"scale count", [](BlobContents &c) { c.inputs[0].quantization.scales.pop_back(); }},
      {"quantisation axis", [](BlobContents &c) { c.inputs[0].quantization.axis = 7; }},
      {"several scales, no axis", [](BlobContents &c) { c.inputs[0].quantization.axis = -1; }},
      {"architecture", [](BlobContents &c) { c.variants[0].arch = Arch(77); }},
      {"no variant", [](BlobContents &c) { c.variants.clear(); }},
      {"no entry", [](BlobContents &c) { c.variants[0].entries.clear(); }},
      {"entry outside", [&](BlobContents &c) { c.variants[0].entries[0].offset = kHuge; }},
      {"entry in constants", [](BlobContents &c) { c.variants[0].segments[0].executable = false; }},
      {"segment outside", [](BlobContents &c) { c.variants[0].segments[0].size += 1; }},
      {"segment overflow", [&](BlobContents &c) { c.variants[0].segments[0].size = kHuge; }},
      {"segment alignment", [](BlobContents &c) { c.variants[0].segments[0].offset = 4096; }},
      {"symbol outside", [&](BlobContents &c) { c.variants[0].symbols[0].size = kHuge; }},
      {"layer kind", [](BlobContents &c) { c.variants[0].layers[0].kind = LayerKind(9); }},
      {"arena", [&](BlobContents &c) { c.variants[0].arenaBytes = kHuge; }},
      {"scratch", [&](BlobContents &c) { c.variants[0].threadScratchBytes = kHuge / 2; }},
  };
  for (const BadContents &bad : cases) {
    FlatModel model;
    bad.spoil(model.contents);
    EXPECT_EQ(statusOf(writeBlob(model.contents)), ParseStatus::Malformed) << bad.what;
  }
}

#endif

/// Sets 64 bits at an offset of the prefix and repairs the header's hash.
std::string withPatch(std::string blob, size_t offset, uint64_t value) {
  memcpy(blob.data() + offset, &value, sizeof value);
  FileHeader header;
  memcpy(&header, blob.data(), sizeof header);
  size_t tableEnd = sizeof(FileHeader) + header.section_count * sizeof(SectionEntry);
  header.header_hash = hashHeader(reinterpret_cast<const uint8_t *>(blob.data()), tableEnd);
  memcpy(blob.data(), &header, sizeof header);
  return blob;
}

TEST(Blob, ImpossibleSectionTablesAreRefused) {
  FlatModel model;
  std::string blob = writeBlob(model.contents);
  ASSERT_EQ(statusOf(withPatch(blob, 0, *reinterpret_cast<const uint64_t *>(kMagic))),
            ParseStatus::Ok);
  for (size_t section = 0; section < 3; ++section) {
    size_t entry = sizeof(FileHeader) + section * sizeof(SectionEntry);
    for (uint64_t value : {uint64_t(0), uint64_t(1), uint64_t(64), uint64_t(4096), ~uint64_t(0),
                           uint64_t(1) << 63, ~uint64_t(0xffff)}) {
      EXPECT_NE(statusOf(withPatch(blob, entry + offsetof(SectionEntry, offset), value)),
                ParseStatus::Ok)
          << section << " offset " << value;
      if (value > blob.size())
        EXPECT_NE(statusOf(withPatch(blob, entry + offsetof(SectionEntry, size), value)),
                  ParseStatus::Ok)
            << section << " size " << value;
    }
    EXPECT_NE(statusOf(withPatch(blob, entry, 99)), ParseStatus::Ok);
  }
}

TEST(AtomicFile, ReplacesTheOldFileAndLeavesNothingElseBehind) {
  std::string directory = testing::TempDir() + "atomic_file_test";
  std::filesystem::create_directory(directory);
  std::string path = directory + "/out";
  ASSERT_EQ(writeFileAtomically(path, "old and longer"), "");
  ASSERT_EQ(writeFileAtomically(path, "new"), "");
  EXPECT_EQ(edgecc::test::readFile(path), "new");
  size_t files = 0;
  for ([[maybe_unused]] const auto &entry : std::filesystem::directory_iterator(directory))
    ++files;
  EXPECT_EQ(files, 1u);
  std::filesystem::remove_all(directory);
}

TEST(AtomicFile, FailureNamesTheFileAndTheReason) {
  std::string error = writeFileAtomically("/nonexistent/folder/out", "x");
  EXPECT_NE(error.find("/nonexistent/folder/out"), std::string::npos) << error;
  EXPECT_NE(error.find("No such file"), std::string::npos) << error;
  EXPECT_NE(writeFileAtomically(testing::TempDir(), "x"), "");
}

} // namespace
