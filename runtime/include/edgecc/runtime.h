// SPDX-License-Identifier: Apache-2.0
//
// edgecc runtime: loads compiled models ("blobs") and runs them. Plain C.
//
//   edgecc_model *model;
//   edgecc_context *context;
//   edgecc_error error;
//   if (edgecc_model_load_file("model.blob", NULL, &model, &error) ||
//       edgecc_context_create(model, NULL, &context, &error))
//     die(error.text);
//   edgecc_context_set_input(context, 0, pixels, NULL);
//   if (edgecc_context_run(context))
//     die(edgecc_context_error(context));
//   const float *scores = edgecc_context_output(context, 0);
//
// Ownership. A model is immutable after loading: any number of threads may use it at once. It must
// outlive its contexts. A context is one inference in flight: one thread at a time. Strings and
// arrays that the library hands out belong to the model (or the context) and live as long as it
// does.
//
// Errors. Functions that can fail return an edgecc_status, EDGECC_OK being zero. Loading functions
// write a sentence to the caller's edgecc_error (may be NULL); functions on a context keep it for
// edgecc_context_error. Nothing throws, nothing aborts, nothing prints.
//
// Allocation happens while a model is loaded and a context is created, never in edgecc_context_run.
#ifndef EDGECC_RUNTIME_H
#define EDGECC_RUNTIME_H

#include "edgecc/abi.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define EDGECC_API __attribute__((visibility("default")))
#else
#define EDGECC_API
#endif

typedef struct edgecc_model edgecc_model;
typedef struct edgecc_context edgecc_context;

typedef enum edgecc_status {
  EDGECC_OK = 0,
  EDGECC_ERROR_INVALID_ARGUMENT = 1, // NULL, an index out of range, options of an unknown size
  EDGECC_ERROR_NO_MEMORY = 2,
  EDGECC_ERROR_IO = 3,           // the file cannot be opened, read or mapped
  EDGECC_ERROR_NOT_A_BLOB = 4,   // the bytes are something else
  EDGECC_ERROR_VERSION = 5,      // made for another version of the format or of the ABI
  EDGECC_ERROR_DAMAGED = 6,      // truncated, or a hash does not match
  EDGECC_ERROR_MALFORMED = 7,    // intact but inconsistent
  EDGECC_ERROR_WRONG_TARGET = 8, // compiled for another architecture
  EDGECC_ERROR_CPU_FEATURE = 9,  // this CPU or operating system lacks a feature that the code needs
  EDGECC_ERROR_NOT_SET = 10,     // run without all inputs set
  EDGECC_ERROR_INDEX = 11,       // a run-time index lies outside its axis
  EDGECC_ERROR_BOUND = 12,       // a data-dependent size exceeds what the model was compiled for
  EDGECC_ERROR_THREAD = 13,      // a worker thread could not be started
} edgecc_status;

typedef struct edgecc_error {
  char text[512]; // a sentence, zero-terminated; cut short if need be
} edgecc_error;

typedef enum edgecc_type {
  EDGECC_F32 = 1,
  EDGECC_F16 = 2,
  EDGECC_BF16 = 3,
  EDGECC_F64 = 4,
  EDGECC_I4 = 5, // two to a byte, low nibble first
  EDGECC_U4 = 6,
  EDGECC_I8 = 7,
  EDGECC_U8 = 8,
  EDGECC_I16 = 9,
  EDGECC_U16 = 10,
  EDGECC_I32 = 11,
  EDGECC_U32 = 12,
  EDGECC_I64 = 13,
  EDGECC_U64 = 14,
  EDGECC_BOOL = 15, // one byte, 0 or 1
  EDGECC_F8E4M3FN = 16,
  EDGECC_F8E4M3FNUZ = 17,
  EDGECC_F8E5M2 = 18,
  EDGECC_F8E5M2FNUZ = 19,
  EDGECC_F8E8M0 = 20,
} edgecc_type;

#define EDGECC_MAX_RANK 16
#define EDGECC_ALIGNMENT 64 // of inputs, outputs, weights and arena, in bytes

// "0.1.0". EDGECC_ABI_VERSION of the library and the newest blob format it reads.
EDGECC_API const char *edgecc_version(void);
EDGECC_API uint32_t edgecc_abi_version(void);
EDGECC_API uint32_t edgecc_blob_format_version(void);

// A short English name, e.g. "no memory". Never NULL.
EDGECC_API const char *edgecc_status_string(edgecc_status status);

// "f32", "u8", ...; "invalid" for anything else. Bits of one element, 0 for anything else.
EDGECC_API const char *edgecc_type_name(edgecc_type type);
EDGECC_API uint32_t edgecc_type_bits(edgecc_type type);

// --- Loading -------------------------------------------------------------------------------------

// Memory for the library's own objects, staging buffers and arenas. Both functions must be callable
// from any thread that creates or destroys models and contexts. allocate returns memory aligned to
// `alignment` (a power of two, at most 64) or NULL.
typedef struct edgecc_allocator {
  void *(*allocate)(void *user, size_t bytes, size_t alignment);
  void (*release)(void *user, void *memory, size_t bytes);
  void *user;
} edgecc_allocator;

// Set struct_size to sizeof(edgecc_model_options) and everything else that you do not need to zero.
typedef struct edgecc_model_options {
  size_t struct_size;
  const edgecc_allocator *allocator; // copied; NULL: malloc
} edgecc_model_options;

// Maps the file: weights are read from it as they are needed and shared between processes. The file
// must not be changed while the model is loaded (replace it by renaming a new one over it).
// Header, metadata and code are checked against their hashes. `options` and `error` may be NULL.
EDGECC_API edgecc_status edgecc_model_load_file(const char *path,
                                                const edgecc_model_options *options,
                                                edgecc_model **model, edgecc_error *error);

// Code is copied to executable memory. Weights are used in place if `data` is 64-byte aligned, so
// `data` must stay valid and unchanged until edgecc_model_destroy; otherwise they are copied.
EDGECC_API edgecc_status edgecc_model_load_memory(const void *data, size_t size,
                                                  const edgecc_model_options *options,
                                                  edgecc_model **model, edgecc_error *error);

// All contexts of the model must have been destroyed. NULL is allowed.
EDGECC_API void edgecc_model_destroy(edgecc_model *model);

// Checks the weights against their hash: reads them all.
EDGECC_API edgecc_status edgecc_model_verify(const edgecc_model *model, edgecc_error *error);

// Checks a whole file: metadata, and the hashes of all code and weights, of any target. Loads
// nothing.
EDGECC_API edgecc_status edgecc_verify_file(const char *path, edgecc_error *error);

// --- What a model is -----------------------------------------------------------------------------

// real = (stored - zero_points[i]) * scales[i], where i is the index along `axis`, or 0 if axis is
// -1.
typedef struct edgecc_quantization {
  uint32_t count; // 0: the tensor is not quantised
  int32_t axis;
  const float *scales;
  const int32_t *zero_points; // NULL: all zero
} edgecc_quantization;

// What the model expects of an image: y = (x - mean[c]) * scale[c].
typedef struct edgecc_preprocessing {
  const char *layout;        // "NCHW", "NHWC", or "" if the input carries no such description
  const char *channel_order; // "RGB", "BGR", "GRAY" or ""
  uint32_t mean_count;       // 0: no mean is subtracted
  uint32_t scale_count;      // 0: not scaled
  const float *mean;
  const float *scale;
  int32_t compiled_in; // 1: the model does all this itself and takes raw pixels
} edgecc_preprocessing;

typedef struct edgecc_tensor_info {
  const char *name; // of the ONNX graph's input or output
  edgecc_type type;
  uint32_t rank;
  int64_t dims[EDGECC_MAX_RANK]; // extents; upper bounds if `dynamic`
  int32_t dynamic;               // 1: the extents depend on data, see edgecc_context_output_dims
  size_t bytes;                  // dense, row-major, at the extents in dims
  edgecc_quantization quantization;
  edgecc_preprocessing preprocessing;
} edgecc_tensor_info;

typedef enum edgecc_layer_kind {
  EDGECC_LAYER_VECTOR_KERNEL = 0,
  EDGECC_LAYER_SCALAR_LOOP = 1,
  EDGECC_LAYER_SUPPORT_CALL = 2, // a precompiled function of a data-dependent operator
} edgecc_layer_kind;

typedef struct edgecc_layer_info {
  const char *op;      // what it computes, e.g. "Conv+Relu 3x3/2 32x112x112"
  uint32_t node_count; // ONNX nodes that it computes: see edgecc_model_layer_node
  edgecc_layer_kind kind;
  uint64_t macs;
  uint64_t bytes; // read and written
} edgecc_layer_info;

EDGECC_API const char *edgecc_model_name(const edgecc_model *model);
EDGECC_API const char *edgecc_model_producer(const edgecc_model *model); // "edgecc 0.1.0"
EDGECC_API const char *edgecc_model_target(const edgecc_model *model);   // chosen variant's triple
EDGECC_API const char *edgecc_model_cpu(const edgecc_model *model);

EDGECC_API uint32_t edgecc_model_input_count(const edgecc_model *model);
EDGECC_API uint32_t edgecc_model_output_count(const edgecc_model *model);
EDGECC_API uint32_t edgecc_model_layer_count(const edgecc_model *model);

// `info_size` is sizeof *info: a library newer than its caller fills what the caller knows of.
EDGECC_API edgecc_status edgecc_model_input(const edgecc_model *model, uint32_t index,
                                            edgecc_tensor_info *info, size_t info_size);
EDGECC_API edgecc_status edgecc_model_output(const edgecc_model *model, uint32_t index,
                                             edgecc_tensor_info *info, size_t info_size);
EDGECC_API edgecc_status edgecc_model_layer(const edgecc_model *model, uint32_t index,
                                            edgecc_layer_info *info, size_t info_size);
// Name of an ONNX node of a layer, NULL if an index is out of range.
EDGECC_API const char *edgecc_model_layer_node(const edgecc_model *model, uint32_t layer,
                                               uint32_t node);

// Index of the input (output) of that name, or -1.
EDGECC_API int32_t edgecc_model_find_input(const edgecc_model *model, const char *name);
EDGECC_API int32_t edgecc_model_find_output(const edgecc_model *model, const char *name);

EDGECC_API size_t edgecc_model_weights_size(const edgecc_model *model);
EDGECC_API size_t edgecc_model_code_size(const edgecc_model *model);
// Working memory of one run with that number of threads, in bytes.
EDGECC_API size_t edgecc_model_arena_size(const edgecc_model *model, uint32_t num_threads);

// --- Running -------------------------------------------------------------------------------------

// A thread pool of the caller's. parallel_for runs task(frame, begin, end, thread) for num_threads
// contiguous ranges, range t being [count*t/num_threads, count*(t+1)/num_threads) (in 64-bit
// arithmetic) with thread = t, in any order or at once, and returns when all have finished. Empty
// ranges may be left out.
typedef struct edgecc_thread_pool {
  void (*parallel_for)(void *user, uint32_t num_threads, edgecc_task_fn task, void *frame,
                       uint32_t count);
  void *user;
} edgecc_thread_pool;

// Set struct_size to sizeof(edgecc_context_options) and everything else that you do not need to
// zero.
typedef struct edgecc_context_options {
  size_t struct_size;
  // 0: one. The calling thread is one of them. The result does not depend on the number.
  uint32_t num_threads;
  // How long idle threads spin before they sleep; 0: 50. They do not spin if there are more threads
  // than CPUs.
  uint32_t spin_microseconds;
  // Copied. NULL: the context starts num_threads - 1 workers of its own.
  const edgecc_thread_pool *thread_pool;
} edgecc_context_options;

#define EDGECC_MAX_THREADS 256

// `options` and `error` may be NULL.
EDGECC_API edgecc_status edgecc_context_create(const edgecc_model *model,
                                               const edgecc_context_options *options,
                                               edgecc_context **context, edgecc_error *error);
EDGECC_API void edgecc_context_destroy(edgecc_context *context); // NULL is allowed

// Why the last failed call on this context failed; "" if none has. Valid until the next failure.
EDGECC_API const char *edgecc_context_error(const edgecc_context *context);

// Sets where an input is read from, for this and later runs. `byte_strides` has one entry per
// dimension (negative ones are allowed; `data` is the address of element 0), or is NULL for dense
// row-major. The data is read during edgecc_context_run and not before: it must stay valid, and may
// be refilled between runs. Dense data at a 64-byte aligned address is used in place; everything
// else is copied to a staging buffer at each run. Types below 8 bits must be dense.
EDGECC_API edgecc_status edgecc_context_set_input(edgecc_context *context, uint32_t index,
                                                  const void *data, const int64_t *byte_strides);

// The context's own buffer of an input, to be filled by the caller: dense, 64-byte aligned. Becomes
// the source of this input. NULL if the index is out of range.
EDGECC_API void *edgecc_context_input_buffer(edgecc_context *context, uint32_t index);

// Has an output written to the caller's memory (dense, at least `bytes` of its info), NULL: back to
// the context's own. A 64-byte aligned buffer is written in place, another one is copied to. It
// must not overlap an input or another output: for states there is edgecc_context_bind_state.
EDGECC_API edgecc_status edgecc_context_bind_output(edgecc_context *context, uint32_t index,
                                                    void *data);

// Where the last run left an output. NULL if the index is out of range.
EDGECC_API const void *edgecc_context_output(const edgecc_context *context, uint32_t index);

// Extents of an output after the last run: `rank` values. The data is dense at these extents.
EDGECC_API edgecc_status edgecc_context_output_dims(const edgecc_context *context, uint32_t index,
                                                    int64_t *dims);

// For streaming models: after each run, output `output` becomes input `input` of the next run,
// without a copy (two buffers change places). Types and sizes must agree. The state starts as
// zeros; edgecc_context_input_buffer gives access to the current state between runs, and
// edgecc_context_reset_states zeroes it again.
EDGECC_API edgecc_status edgecc_context_bind_state(edgecc_context *context, uint32_t output,
                                                   uint32_t input);
EDGECC_API void edgecc_context_reset_states(edgecc_context *context);

// One inference.
EDGECC_API edgecc_status edgecc_context_run(edgecc_context *context);

EDGECC_API uint32_t edgecc_context_num_threads(const edgecc_context *context);

// --- Profile -------------------------------------------------------------------------------------

typedef struct edgecc_layer_profile {
  uint64_t total_ns;
  uint64_t min_ns;
  uint64_t count; // runs since profiling was switched on
} edgecc_layer_profile;

// Switches per-layer timing on (and clears what was collected) or off. Costs two clock reads a
// layer.
EDGECC_API edgecc_status edgecc_context_profile(edgecc_context *context, int32_t enable);
EDGECC_API edgecc_status edgecc_context_layer_profile(const edgecc_context *context, uint32_t layer,
                                                      edgecc_layer_profile *profile,
                                                      size_t profile_size);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // EDGECC_RUNTIME_H
