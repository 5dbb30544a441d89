#include "tests/differential/Check.h"

#include "backends/reference/ReferenceExecutor.h"
#include "ir/Verifier.h"
#include "tests/support/NativeRunner.h"

#include <cmath>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

namespace edgecc::test {

namespace {

constexpr unsigned kSeconds = 60; // for one check

// All values of the function with their error bounds.
Expected<Knowledge> execute(const Graph &graph) {
  const Function &function = graph.module->main();
  Knowledge knowledge;
  for (unsigned i = 0; i < function.body.numArguments(); ++i)
    knowledge[function.body.argument(i)] = knownExactly(graph.inputs[i]);
  for (const auto &op : function.body.ops()) {
    if (op->kind() == OpKind::Yield)
      break;
    std::vector<Tensor> operands, results;
    if (op->parameter) {
      results = {op->parameter->content};
    } else {
      for (Value *operand : op->operands())
        operands.push_back(operand ? knowledge.at(operand).tensor : Tensor());
      EDGECC_TRY(computed, ReferenceExecutor().evaluate(*op, operands));
      results = std::move(computed);
    }
    learn(*op, std::move(results), knowledge);
  }
  return knowledge;
}

std::string compare(const Tensor &actual, const Known &reference, size_t output) {
  const Tensor &wanted = reference.tensor;
  if (!sameLogicalType(actual.type(), wanted.type()))
    return fmt::format("output {} is {}, not {}\n", output, actual.type().str(),
                       wanted.type().str());
  bool isExact = reference.error == 0;
  double bound = 2 * reference.error, worst = 0;
  int64_t wrong = 0, first = -1;
  for (int64_t i = 0; i < wanted.elements(); ++i) {
    double a = actual.asDouble(i), w = wanted.asDouble(i);
    if (a == w || (std::isnan(a) && std::isnan(w)))
      continue;
    double difference = std::abs(a - w);
    if (!isExact && difference <= bound)
      continue;
    if (wrong++ == 0)
      first = i;
    worst = std::max(worst, difference);
  }
  if (wrong == 0)
    return "";
  return fmt::format(
      "output {} {}: {} of {} elements differ by more than {:.3g}, at most by {:.3g}; "
      "element {} is {}, not {}\n",
      output, wanted.type().str(), wrong, wanted.elements(), bound, worst, first,
      actual.asDouble(first), wanted.asDouble(first));
}

} // namespace

std::string check(const Graph &graph) {
  if (auto valid = verify(*graph.module); !valid)
    return "does not verify: " + str(valid.error());
  auto knowledge = execute(graph);
  if (!knowledge)
    return "reference: " + str(knowledge.error());
  auto bytes = compileToBlob(*graph.module);
  if (!bytes)
    return "compile: " + str(bytes.error());
  std::vector<Tensor> first;
  for (unsigned threads = 1; threads <= 3; ++threads) {
    auto blob = LoadedBlob::load(*bytes, threads);
    if (!blob)
      return "load: " + str(blob.error());
    auto outputs = blob->run(graph.inputs);
    if (!outputs)
      return "run: " + str(outputs.error());
    if (threads > 1) {
      for (size_t i = 0; i < outputs->size(); ++i)
        if (!((*outputs)[i] == first[i]))
          return fmt::format("output {} has other bits with {} threads than with one\n", i,
                             threads);
      continue;
    }
    first = std::move(*outputs);
    std::string message;
    const auto &yields = graph.module->main().body.yields();
    for (size_t i = 0; i < yields.size(); ++i)
      message += compare(first[i], knowledge->at(yields[i]), i);
    if (!message.empty())
      return message;
  }
  return "";
}

std::string checkIsolated(const Graph &graph) {
  int ends[2];
  if (pipe(ends) != 0)
    return "pipe failed";
  pid_t child = fork();
  if (child < 0)
    return "fork failed";
  if (child == 0) {
    close(ends[0]);
    alarm(kSeconds);
    std::string message = check(graph);
    size_t done = 0;
    while (done < message.size()) {
      ssize_t written = write(ends[1], message.data() + done, message.size() - done);
      if (written <= 0)
        break;
      done += static_cast<size_t>(written);
    }
    _exit(0);
  }
  close(ends[1]);
  std::string message;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    message.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status))
    return fmt::format("killed by signal {}{}\n", WTERMSIG(status),
                       WTERMSIG(status) == SIGALRM ? ", after a minute" : "");
  if (WEXITSTATUS(status) != 0)
    return fmt::format("exited with status {}\n", WEXITSTATUS(status));
  return message;
}

} // namespace edgecc::test
