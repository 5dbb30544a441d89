// SPDX-License-Identifier: Apache-2.0
#include "runtime/blob/AtomicFile.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace edgecc::blob {

namespace {

bool writeAll(int fd, FilePart part) {
  while (!part.bytes.empty()) {
    ssize_t written = pwrite(fd, part.bytes.data(), part.bytes.size(), off_t(part.offset));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return false;
    part.bytes.remove_prefix(size_t(written));
    part.offset += uint64_t(written);
  }
  return true;
}

/// Permissions of a file made by open(2) with mode 0666: mkstemp gives 0600 whatever the umask
/// says.
mode_t defaultMode() {
  mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

/// While it lives, signals that ask the program to end wait, so that no temporary file stays
/// behind.
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

private:
  sigset_t before_{};
};

std::string failure(const char *what, const std::string &path) {
  int code = errno;
  return std::string(what) + " '" + path + "': " + strerror(code);
}

} // namespace

std::string writeFileAtomically(const std::string &path, const std::vector<FilePart> &parts) {
  // A target such as /dev/stdout or a pipe cannot be renamed over; it is written directly.
  struct stat status;
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    if (S_ISDIR(status.st_mode))
      return "cannot write '" + path + "': it is a directory";
    int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0)
      return failure("cannot open", path);
    uint64_t position = 0;
    bool good = true;
    for (const FilePart &part : parts) {
      std::string piece(part.offset - position, '\0');
      piece += part.bytes;
      for (size_t done = 0; good && done < piece.size();) {
        ssize_t written = write(fd, piece.data() + done, piece.size() - done);
        good = written > 0 || (written < 0 && errno == EINTR);
        done += written > 0 ? size_t(written) : 0;
      }
      position = part.offset + part.bytes.size();
    }
    std::string error = good ? "" : failure("cannot write", path);
    close(fd);
    return error;
  }

  DeferSignals deferred;
  std::string temporary = path + ".XXXXXX";
  int fd = mkstemp(temporary.data());
  if (fd < 0)
    return failure("cannot create a file beside", path);
  bool good = true;
  for (const FilePart &part : parts)
    good = good && writeAll(fd, part);
  if (!parts.empty()) // a last part without bytes still counts
    good = good && ftruncate(fd, off_t(parts.back().offset + parts.back().bytes.size())) == 0;
  good = good && fchmod(fd, defaultMode()) == 0 && fsync(fd) == 0;
  std::string error = good ? "" : failure("cannot write", temporary);
  if (close(fd) != 0 && error.empty())
    error = failure("cannot write", temporary);
  if (error.empty() && rename(temporary.c_str(), path.c_str()) != 0)
    error = failure("cannot replace", path);
  if (!error.empty())
    unlink(temporary.c_str());
  return error;
}

std::string writeFileAtomically(const std::string &path, std::string_view bytes) {
  return writeFileAtomically(path, std::vector<FilePart>{{0, bytes}});
}

} // namespace edgecc::blob
