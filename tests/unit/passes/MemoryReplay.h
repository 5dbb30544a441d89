// Replays a planned function on symbolic contents: every op that computes something writes fresh
// random bytes, data movement moves them. Reads go through the planned storage and are compared
// with what the value should hold, so that any overlap of values that live at the same time shows.
#pragma once

#include "ir/Module.h"

#include <map>
#include <random>
#include <set>

namespace edgecc::test {

class MemoryReplay {
public:
  // Empty if all reads found what had been written, else a description of the first that did not.
  std::string run(const Function &function);

private:
  using Bytes = std::vector<unsigned char>;

  Bytes randomBytes(const Value &value);
  static size_t elementBytes(const Value &value);
  std::vector<int64_t> addresses(const Value &value) const;
  Bytes &memory(const Storage &storage);
  void write(const Value &value, const Bytes &content);
  void check(const Value &value, const Op &reader);
  void set(const Value &value, Bytes content); // what it holds from now on, and writes it
  void expect(const Value &value, Bytes content);
  Bytes moved(const Op &op); // empty: not a data movement that the replay knows
  void op(const Op &op);
  void block(const Block &block);
  void branches(const Op &op);
  void loop(const Op &op);

  std::map<std::pair<Storage::Space, uint32_t>, Bytes> memory_;
  std::map<const Value *, Bytes> contents_;
  std::mt19937 random_{1};
  std::string failure_;
};

} // namespace edgecc::test
