// Ctrl-C while a file is written.
#pragma once

#include <csignal>
#include <initializer_list>

namespace edgecc {

// While it lives, signals that ask this thread to end wait: whoever writes a file beside another
// and renames it leaves nothing behind. Threads that may run meanwhile must block these signals, as
// those of the runtime do.
class DeferSignals {
public:
  DeferSignals() {
    sigset_t asked;
    sigemptyset(&asked);
    for (int signal : {SIGINT, SIGTERM, SIGHUP})
      sigaddset(&asked, signal);
    pthread_sigmask(SIG_BLOCK, &asked, &before_);
  }
  ~DeferSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  DeferSignals(const DeferSignals &) = delete;
  DeferSignals &operator=(const DeferSignals &) = delete;

private:
  sigset_t before_{};
};

} // namespace edgecc
