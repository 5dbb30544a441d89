#include "passes/PassManager.h"
#include "passes/Pipeline.h"

#include "ir/Text.h"

#include <fstream>
#include <gmock/gmock.h>

namespace edgecc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Registry twoPasses() {
  Registry registry;
  registry.add({"first",
                "Does nothing.",
                [](Module &, PassContext &) { return Expected<void>(); },
                {{"count", int64_t{3}, "a number"},
                 {"deep", false, "a flag"},
                 {"name", std::string("x"), "a text"},
                 {"ratio", 0.5, "a fraction"}}});
  registry.add({"second",
                "Counts.",
                [](Module &, PassContext &context) {
                  context.statistics.add("things done", 2);
                  return Expected<void>();
                },
                {}});
  return registry;
}

TEST(Registry, ParsesAListOfPassesWithOptions) {
  Registry registry = twoPasses();
  auto list = registry.parse(" second, first{count=7, deep=true,name=a b,ratio=1e-3} ,first");
  ASSERT_TRUE(list) << str(list.error());
  ASSERT_EQ(list->size(), 3u);
  EXPECT_EQ((*list)[0].pass->name, "second");
  EXPECT_EQ((*list)[1].options.integer("count"), 7);
  EXPECT_TRUE((*list)[1].options.flag("deep"));
  EXPECT_EQ((*list)[1].options.text("name"), "a b");
  EXPECT_DOUBLE_EQ((*list)[1].options.real("ratio"), 1e-3);
  EXPECT_EQ((*list)[2].options.integer("count"), 3);
}

TEST(Registry, AnEmptyListIsNoPass) {
  auto list = twoPasses().parse("  ");
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->empty());
}

TEST(Registry, NamesWhatIsWrong) {
  Registry registry = twoPasses();
  auto message = [&](const char *text) {
    auto list = registry.parse(text);
    return list ? std::string() : str(list.error());
  };
  EXPECT_THAT(message("third"), HasSubstr("there is no pass called 'third'"));
  EXPECT_THAT(message("first{count=many}"), HasSubstr("option count is an integer, not 'many'"));
  EXPECT_THAT(message("first{deep=1}"), HasSubstr("option deep is true or false"));
  EXPECT_THAT(message("first{depth=1}"), HasSubstr("its options are: count, deep, name, ratio"));
  EXPECT_THAT(message("first{count}"), HasSubstr("has no value"));
  EXPECT_THAT(message("first{count=1"), HasSubstr("do not end"));
  EXPECT_THAT(message("first second"), HasSubstr("there is no pass called 'first second'"));
}

TEST(PassManager, ReportsWhatEachPassDid) {
  Registry registry = twoPasses();
  Module module;
  std::vector<std::string> seen;
  PassManagerOptions options;
  options.verifyEach = true;
  options.after = [&](const PassInfo &pass, const Module &) { seen.push_back(pass.name); };
  auto reports = runPasses(module, *registry.parse("first,second"), options);
  ASSERT_TRUE(reports);
  EXPECT_THAT(seen, ElementsAre("first", "second"));
  EXPECT_EQ((*reports)[1].statistics.count("things done"), 2);
  EXPECT_EQ((*reports)[0].statistics.count("things done"), 0);
}

TEST(PassManager, BlamesThePassThatBreaksTheModule) {
  Registry registry;
  registry.add({"breaker",
                "Gives a value another type.",
                [](Module &module, PassContext &) {
                  module.main().body.terminator()->operand(0)->type.dims = {5};
                  return Expected<void>();
                },
                {}});
  auto module = parse(R"(module "m" {
    func @main(%0: f32[4] "x") -> ("y") {
      %1 = Exp(%0) : f32[4]
      Yield(%1)
    }
  })");
  ASSERT_TRUE(module) << str(module.error());
  PassManagerOptions options;
  options.verifyEach = true;
  auto reports = runPasses(**module, *registry.parse("breaker"), options);
  ASSERT_FALSE(reports);
  EXPECT_THAT(str(reports.error()), HasSubstr("pass breaker broke the module"));
}

TEST(Pipeline, EndsInAPlanAndKeepsThePortablePartApart) {
  Registry registry;
  registerBuiltinPasses(registry);
  Pipeline pipeline = buildPipeline(registry);
  EXPECT_EQ(pipeline.all().back().pass->name, "plan-memory");
  EXPECT_LT(pipeline.portable.size(), pipeline.all().size());
  for (const PassCall &call : pipeline.portable)
    EXPECT_NE(call.pass->name, "choose-layout");
}

TEST(Registry, DocumentsEveryPassInASentence) {
  Registry registry;
  registerBuiltinPasses(registry);
  std::string docs = passDocs(registry);
  for (const auto &pass : registry.passes()) {
    EXPECT_THAT(docs, HasSubstr("### " + pass->name));
    EXPECT_EQ(pass->doc.back(), '.') << pass->name;
    for (const OptionDef &option : pass->options)
      EXPECT_FALSE(option.doc.empty()) << option.name;
  }
}

// docs/passes.md ends with what passDocs() prints.
TEST(Registry, SentencesAndOptionsAreTheDocumentation) {
  Registry registry;
  registerBuiltinPasses(registry);
  std::ifstream file(EDGECC_SOURCE_DIR "/docs/passes.md");
  std::string page((std::istreambuf_iterator<char>(file)), {});
  std::string generated = passDocs(registry);
  EXPECT_TRUE(page.ends_with("## All passes\n\n" + generated)) << "the page should end with:\n"
                                                               << generated;
}

} // namespace
} // namespace edgecc
