// Modules, functions, parameters.
#pragma once

#include "ir/Op.h"
#include "ir/Tensor.h"

namespace edgecc {

// A named constant of the module: a weight, or a folded value. Identity is apart from content: two
// biases that both start at zero are two parameters. Contents are shared when a blob is written.
class Parameter {
public:
  std::string name; // unique in the module; change through Module::rename only
  bool trainable = false;
  Tensor content;
};

// How the driver or the runtime turns pixels into this input (documentation for the caller unless
// it has been compiled into the model, in which case the input is the raw image).
struct Preprocessing {
  std::string layout;       // "NCHW" or "NHWC"; empty: not an image
  std::string channelOrder; // "RGB", "BGR" or "GRAY"
  // Per channel of the order above, or one for all: element = (sample - mean) * scale, with the
  // file's samples 0..255. None: mean 0, scale 1.
  std::vector<double> mean;
  std::vector<double> scale;
  bool compiledIn = false; // the model does it itself: this input takes raw pixels

  bool operator==(const Preprocessing &) const = default;
};

struct Port {
  std::string name; // the ONNX name
  Preprocessing preprocessing;

  bool operator==(const Port &) const = default;
};

class Function {
public:
  explicit Function(std::string name) : name(std::move(name)) {}

  std::string name;
  std::vector<Port> inputs;  // one for each argument of body
  std::vector<Port> outputs; // one for each yielded value
  Block body;
};

class Module {
public:
  std::string name;

  Function &addFunction(std::string name);
  Function *findFunction(std::string_view name) const;
  const std::vector<std::unique_ptr<Function>> &functions() const { return functions_; }
  // The first function; asserts that there is one.
  Function &main() const;

  // Adds a parameter; if the name is taken, a number is appended.
  Parameter &addParameter(std::string name, Tensor content, bool trainable = false);
  Parameter *findParameter(std::string_view name) const;
  const std::vector<std::unique_ptr<Parameter>> &parameters() const { return parameters_; }
  // Gives the parameter another name; if that is taken, a number is appended.
  void rename(Parameter &parameter, std::string name);
  // Destroys the parameters that no Param op names.
  void eraseUnusedParameters();

private:
  std::string freeParameterName(std::string name);

  std::vector<std::unique_ptr<Parameter>> parameters_;
  std::map<std::string, Parameter *, std::less<>> parameterByName_;
  std::map<std::string, unsigned> nextSuffix_;       // last number appended to each name
  std::vector<std::unique_ptr<Function>> functions_; // after parameters_: destroyed before them
};

// A deep copy with the same names; parameter bytes are shared.
std::unique_ptr<Module> clone(const Module &module);

// The content if `value` is the result of a Param, else null.
const Tensor *constantOf(const Value *value);

// Calls `fn(Op &)` for every op of the block and of the regions inside, in order, outer first.
// `fn` must not insert or erase ops; use Block::snapshot() for that.
template <class Fn> void walk(const Block &block, Fn &&fn) {
  for (const auto &op : block.ops()) {
    fn(*op);
    for (unsigned i = 0; i < op->numRegions(); ++i)
      walk(op->region(i), fn);
  }
}

} // namespace edgecc
