#include "tests/conformance/Isolate.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sys/wait.h>
#include <unistd.h>

namespace edgecc::conformance {

namespace {

constexpr unsigned kSecondsPerCase = 120;

struct Child {
  size_t index;
  int output; // read end of its pipe
};

// Kind, flag, then the reason; short enough for a pipe to hold at once.
void send(int fd, const Outcome &outcome) {
  std::string text{static_cast<char>('0' + static_cast<int>(outcome.kind)),
                   outcome.frozeInputs ? '1' : '0'};
  text += outcome.reason.substr(0, 4000);
  if (write(fd, text.data(), text.size()) < 0)
    _exit(1);
}

Outcome receive(int fd, int status) {
  std::string text(8192, 0);
  ssize_t size = read(fd, text.data(), text.size());
  close(fd);
  if (WIFSIGNALED(status))
    return {Outcome::Kind::Wrong, false,
            WTERMSIG(status) == SIGALRM ? "did not end in time"
                                        : std::string("crashed: ") + strsignal(WTERMSIG(status))};
  if (size < 2 || WEXITSTATUS(status) != 0)
    return {Outcome::Kind::Wrong, false, "ended without a result"};
  text.resize(static_cast<size_t>(size));
  return {static_cast<Outcome::Kind>(text[0] - '0'), text[1] == '1', text.substr(2)};
}

} // namespace

std::vector<Outcome> runIsolated(size_t count, unsigned jobs,
                                 const std::function<Outcome(size_t)> &run) {
  std::vector<Outcome> outcomes(count);
  std::map<pid_t, Child> children;
  size_t next = 0;
  while (next < count || !children.empty()) {
    if (next < count && children.size() < jobs) {
      int ends[2];
      std::fflush(nullptr);
      if (pipe(ends) != 0)
        std::abort();
      pid_t pid = fork();
      if (pid < 0)
        std::abort();
      if (pid == 0) {
        alarm(kSecondsPerCase);
        send(ends[1], run(next));
        _exit(0);
      }
      close(ends[1]);
      children[pid] = {next++, ends[0]};
      continue;
    }
    int status = 0;
    pid_t pid = waitpid(-1, &status, 0);
    auto child = children.find(pid);
    if (child == children.end())
      continue;
    outcomes[child->second.index] = receive(child->second.output, status);
    children.erase(child);
  }
  return outcomes;
}

} // namespace edgecc::conformance
