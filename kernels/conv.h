// Convolution and pooling instructions.
#pragma once
#include "program.h"
#include "simd.h"

namespace nabla {
namespace NABLA_ISA {

bool conv_validate(Check&);  // CONV, CONV_INPUT, CONV_WEIGHT
void conv_run(const Exec&);
bool pooling_validate(Check&);  // MAX_POOL, MAX_POOL_INPUT, SUM_POOL, SUM_POOL_INPUT
void pooling_run(const Exec&);

// GEOMETRY and WINDOW of program.h as they lie in the words.
struct Geometry {
  int32_t n, c, o, groups, in[3], out[3], kernel[3], stride[3], dilation[3], pad[3];
};
struct WindowWords {
  int32_t planes, in[3], out[3], kernel[3], stride[3], dilation[3], pad[3];
};

#if NABLA_LANES == 32
struct Ending;
// One way to compute the instructions, for operands that are not empty.
struct Way {
  const char* name;
  // What it takes on one thread, in multiply-adds of a vector; infinite where it cannot be gone.
  double (*work)(int32_t op, const Geometry&);
  // Bytes of scratch.
  void (*needs)(int32_t op, const Geometry&, int threads, int64_t* per_thread, int64_t* shared);
  // Tells of finished places: rows are channels of all images, columns the places of a channel.
  void (*forward)(const Exec&, const Ending&, const Geometry&, const float* x, const float* w, float* y, const float* bias);
  void (*input)(const Exec&, const Geometry&, const float* y, const float* w, float* x);
  void (*weight)(const Exec&, const Geometry&, const float* y, const float* x, float* w);
};
constexpr double NO_WAY = __builtin_inf();
// On flat copies (conv_flat.cpp), by Winograd's transforms (conv_winograd.cpp), with images as lanes (conv_images.cpp), as
// matrix products (conv_product.cpp; not in WebAssembly, whose file every page loads).
extern const Way FLAT, WINOGRAD, IMAGES, PRODUCTS;
#ifdef __wasm__
constexpr int WAY_COUNT = 3;
#else
constexpr int WAY_COUNT = 4;
#endif
extern const Way* const WAYS[WAY_COUNT];

// Pooling by vectors (pool_fast.cpp).
void max_pool_fast(const Exec&, const WindowWords&, const float* x, float* y, int32_t* index);
void sum_pool_fast(const Exec&, const WindowWords&, float factor, const float* x, float* y);
void sum_pool_input_fast(const Exec&, const WindowWords&, float factor, const float* y, float* x);
// The place of the first index out of range, before anything is written; or -1.
int64_t max_pool_input_fast(const Exec&, int64_t planes, int64_t out, int64_t in, const float* y,
                            const int32_t* index, float* x);
#endif

// Plain loops over every window: what the fast ones are tested against. bias may be null.
void conv_naive(const Geometry&, const real* x, const real* w, real* y, const real* bias);
void conv_input_naive(const Geometry&, const real* y, const real* w, real* x);
void conv_weight_naive(const Geometry&, const real* y, const real* x, real* w);
// Either of y and index may be null.
void max_pool_naive(const WindowWords&, const real* x, real* y, int32_t* index);
void sum_pool_naive(const WindowWords&, real factor, const real* x, real* y);
void sum_pool_input_naive(const WindowWords&, real factor, const real* y, real* x);

}  // namespace NABLA_ISA
}  // namespace nabla
