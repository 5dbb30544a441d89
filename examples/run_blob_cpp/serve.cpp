// SPDX-License-Identifier: Apache-2.0
//
// serve MODEL.blob: runs one model in four threads at once, as a server would, and checks that all
// get the same answer.
#include <edgecc/runtime.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kClients = 4;
constexpr int kRequests = 10;

struct ModelDeleter {
  void operator()(edgecc_model *model) const { edgecc_model_destroy(model); }
};
struct ContextDeleter {
  void operator()(edgecc_context *context) const { edgecc_context_destroy(context); }
};
using Model = std::unique_ptr<edgecc_model, ModelDeleter>;
using Context = std::unique_ptr<edgecc_context, ContextDeleter>;

Model load(const char *path) {
  edgecc_model *model = nullptr;
  edgecc_error error;
  if (edgecc_model_load_file(path, nullptr, &model, &error))
    throw std::runtime_error(std::string(path) + ": " + error.text);
  return Model(model);
}

Context createContext(const Model &model) {
  edgecc_context *context = nullptr;
  edgecc_error error;
  if (edgecc_context_create(model.get(), nullptr, &context, &error))
    throw std::runtime_error(error.text);
  return Context(context);
}

/// Some bytes that every client can make for itself.
void fillInputs(const Model &model, const Context &context) {
  for (uint32_t i = 0; i < edgecc_model_input_count(model.get()); ++i) {
    edgecc_tensor_info info;
    edgecc_model_input(model.get(), i, &info, sizeof info);
    void *buffer = edgecc_context_input_buffer(context.get(), i);
    std::memset(buffer, 0, info.bytes);
    if (info.type == EDGECC_F32)
      for (size_t j = 0; j < info.bytes / sizeof(float); ++j)
        static_cast<float *>(buffer)[j] = static_cast<float>(j % 251) / 251;
  }
}

/// The bytes of all outputs.
std::string answer(const Model &model, const Context &context) {
  std::string bytes;
  for (uint32_t i = 0; i < edgecc_model_output_count(model.get()); ++i) {
    edgecc_tensor_info info;
    int64_t dims[EDGECC_MAX_RANK];
    edgecc_model_output(model.get(), i, &info, sizeof info);
    edgecc_context_output_dims(context.get(), i, dims);
    size_t bits = edgecc_type_bits(info.type);
    for (uint32_t axis = 0; axis < info.rank; ++axis)
      bits *= static_cast<size_t>(dims[axis]);
    bytes.append(static_cast<const char *>(edgecc_context_output(context.get(), i)),
                 (bits + 7) / 8);
  }
  return bytes;
}

void serve(const Model &model, std::string *result) {
  Context context = createContext(model);
  fillInputs(model, context);
  for (int request = 0; request < kRequests; ++request)
    if (edgecc_context_run(context.get())) {
      std::fprintf(stderr, "run: %s\n", edgecc_context_error(context.get()));
      return;
    }
  *result = answer(model, context);
}

} // namespace

int main(int argc, char **argv) try {
  if (argc != 2)
    throw std::runtime_error("usage: serve MODEL.blob");
  Model model = load(argv[1]);
  std::vector<std::string> answers(kClients);
  std::vector<std::thread> clients;
  for (std::string &result : answers)
    clients.emplace_back([&] { serve(model, &result); });
  for (std::thread &client : clients)
    client.join();
  for (const std::string &result : answers)
    if (result.empty() || result != answers[0])
      throw std::runtime_error("the clients got different answers");
  std::printf("%s: %d clients, %d requests each, the same %zu bytes for all\n",
              edgecc_model_name(model.get()), kClients, kRequests, answers[0].size());
  return 0;
} catch (const std::exception &error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
