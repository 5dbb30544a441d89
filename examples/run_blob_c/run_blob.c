// SPDX-License-Identifier: Apache-2.0
//
// run_blob MODEL.blob [INPUT.bin ...] [--threads N]
#include <edgecc/runtime.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kRuns = 20, kTop = 5, kMaxFiles = 64 };

static int fail(const char *what, const char *why) {
  fprintf(stderr, "run_blob: %s: %s\n", what, why);
  return 1;
}

// Fills an input from a file of exactly its size.
static int read_input(const char *path, const edgecc_tensor_info *info, void *buffer) {
  FILE *file = fopen(path, "rb");
  if (!file)
    return fail(path, "cannot be opened");
  size_t bytes = fread(buffer, 1, info->bytes, file);
  int longer = fgetc(file) != EOF;
  fclose(file);
  if (bytes == info->bytes && !longer)
    return 0;
  fprintf(stderr, "run_blob: %s: input '%s' needs %zu bytes, the file has %s\n", path, info->name,
          info->bytes, longer ? "more" : "less");
  return 1;
}

static void print_shape(const char *kind, const edgecc_tensor_info *info, const int64_t *dims) {
  printf("%s %s: %s", kind, info->name, edgecc_type_name(info->type));
  for (uint32_t axis = 0; axis < info->rank; ++axis)
    printf("%c%lld", axis ? 'x' : ' ', (long long)dims[axis]);
  printf("\n");
}

// One element as a number; 0 for the types that C does not have.
static double element(const void *data, edgecc_type type, size_t i) {
  switch (type) {
  case EDGECC_F32:
    return ((const float *)data)[i];
  case EDGECC_F64:
    return ((const double *)data)[i];
  case EDGECC_I8:
    return ((const int8_t *)data)[i];
  case EDGECC_U8:
  case EDGECC_BOOL:
    return ((const uint8_t *)data)[i];
  case EDGECC_I16:
    return ((const int16_t *)data)[i];
  case EDGECC_U16:
    return ((const uint16_t *)data)[i];
  case EDGECC_I32:
    return ((const int32_t *)data)[i];
  case EDGECC_U32:
    return ((const uint32_t *)data)[i];
  case EDGECC_I64:
    return (double)((const int64_t *)data)[i];
  case EDGECC_U64:
    return (double)((const uint64_t *)data)[i];
  default:
    return 0;
  }
}

static void print_largest(const void *data, edgecc_type type, size_t count) {
  size_t top[kTop];
  size_t found = 0;
  for (size_t i = 0; i < count; ++i) {
    size_t place = found;
    while (place > 0 && element(data, type, i) > element(data, type, top[place - 1]))
      --place;
    if (place == kTop)
      continue;
    if (found < kTop)
      ++found;
    memmove(top + place + 1, top + place, (found - place - 1) * sizeof top[0]);
    top[place] = i;
  }
  for (size_t i = 0; i < found; ++i)
    printf("  [%zu] %g\n", top[i], element(data, type, top[i]));
}

static void print_outputs(const edgecc_model *model, const edgecc_context *context) {
  for (uint32_t i = 0; i < edgecc_model_output_count(model); ++i) {
    edgecc_tensor_info info;
    int64_t dims[EDGECC_MAX_RANK];
    edgecc_model_output(model, i, &info, sizeof info);
    edgecc_context_output_dims(context, i, dims);
    size_t count = 1;
    for (uint32_t axis = 0; axis < info.rank; ++axis)
      count *= (size_t)dims[axis];
    print_shape("output", &info, dims);
    print_largest(edgecc_context_output(context, i), info.type, count);
  }
}

static void print_profile(const edgecc_model *model, const edgecc_context *context) {
  static const char *const kKinds[] = {"vector", "scalar", "support"};
  printf("%10s %10s  %-7s  layer\n", "us", "MMAC", "code");
  for (uint32_t i = 0; i < edgecc_model_layer_count(model); ++i) {
    edgecc_layer_info layer;
    edgecc_layer_profile profile;
    edgecc_model_layer(model, i, &layer, sizeof layer);
    edgecc_context_layer_profile(context, i, &profile, sizeof profile);
    const char *node = edgecc_model_layer_node(model, i, 0);
    printf("%10.1f %10.3f  %-7s  %s (%s)\n", (double)profile.min_ns / 1e3, (double)layer.macs / 1e6,
           kKinds[layer.kind], layer.op, node ? node : "");
  }
}

static int run(const edgecc_model *model, edgecc_context *context, char *const *files,
               uint32_t file_count) {
  for (uint32_t i = 0; i < edgecc_model_input_count(model); ++i) {
    edgecc_tensor_info info;
    edgecc_model_input(model, i, &info, sizeof info);
    print_shape("input", &info, info.dims);
    void *buffer = edgecc_context_input_buffer(context, i);
    memset(buffer, 0, info.bytes);
    if (i < file_count && read_input(files[i], &info, buffer))
      return 1;
  }
  edgecc_context_profile(context, 1);
  for (int i = 0; i < kRuns; ++i)
    if (edgecc_context_run(context))
      return fail("run", edgecc_context_error(context));
  print_outputs(model, context);
  print_profile(model, context);
  return 0;
}

int main(int argc, char **argv) {
  char *files[kMaxFiles];
  uint32_t file_count = 0;
  const char *blob = NULL;
  edgecc_context_options options = {.struct_size = sizeof options, .num_threads = 1};
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
      options.num_threads = (uint32_t)atoi(argv[++i]);
    else if (!blob)
      blob = argv[i];
    else if (file_count < kMaxFiles)
      files[file_count++] = argv[i];
  }
  if (!blob)
    return fail("usage", "run_blob MODEL.blob [INPUT.bin ...] [--threads N]");

  edgecc_error error;
  edgecc_model *model;
  if (edgecc_model_load_file(blob, NULL, &model, &error))
    return fail(blob, error.text);
  edgecc_context *context;
  int result;
  if (edgecc_context_create(model, &options, &context, &error))
    result = fail(blob, error.text);
  else
    result = run(model, context, files, file_count);
  edgecc_context_destroy(context);
  edgecc_model_destroy(model);
  return result;
}
