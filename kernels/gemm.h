// The matrix product in float32 (float64 with lanes of 64 bits), for any strides, on one thread; and its division over threads.
#pragma once
#include "program.h"
#include "simd.h"

namespace nabla {
namespace NABLA_ISA {

struct Told;  // ending.h

// c[i*c_rs + j] (+)= sum over p of a[i*a_rs + p*a_cs] * b[p*b_rs + j*b_cs] (+ bias[j] if bias).
// c must not overlap the operands.
struct GemmArgs {
  const real *a, *b;
  real* c;
  int64_t m, n, k;
  int64_t a_rs, a_cs, b_rs, b_cs, c_rs;
  bool accumulate;
  const real* bias;
  bool laid = false;  // b is what gemm_lay made of it, and its strides do not matter
};

// The transposed of B times that of A, whose sums are the transposed of C; c, accumulate and bias stay those of C.
NABLA_INLINE GemmArgs exchanged(GemmArgs g) {
  return {g.b, g.a, g.c, g.n, g.m, g.k, g.b_cs, g.b_rs, g.a_cs, g.a_rs, g.c_rs, g.accumulate, g.bias};
}

// Scratch of one thread, aligned to 64 bytes; what serves m x n x k serves every smaller product.
int64_t gemm_scratch_bytes(int64_t m, int64_t n, int64_t k);
// Each element is summed in an order that depends on k only, so that dividing the rows and columns
// of a product among threads does not change a bit of it. `end` is told of blocks of C that are done, unless it is null.
void gemm(const GemmArgs& g, void* scratch, Told* end = nullptr);
// How many columns a panel of B has.
constexpr int64_t GEMM_NR = 2 * VW;
// How many products a sum takes before it is added to C.
constexpr int64_t GEMM_KC = (NABLA_BYTES == 64 ? 4096 : 1536) / (int64_t)sizeof(real);
// The same sums without the products that are zero, if A or B has enough zeros that this pays; else false, and nothing
// is done. What gemm asks first.
bool gemm_of_zeros(const GemmArgs& g, void* scratch);
int64_t gemm_zeros_scratch_bytes(int64_t m, int64_t n, int64_t k);
// B laid out once for many products: room for it, and the laying.
int64_t gemm_laid_reals(int64_t n, int64_t k);
void gemm_lay(const real* b, int64_t b_rs, int64_t b_cs, int64_t n, int64_t k, real* to);

// A vector times a matrix: c[j*c_s] (+)= sum over p of a[p*a_s] * b[p*b_rs + j*b_cs] (+ bias[j*bias_s]).
struct GemvArgs {
  const real *a, *b;
  real* c;
  int64_t n, k;
  int64_t a_s, b_rs, b_cs, c_s;
  bool accumulate;
  const real* bias;
  int64_t bias_s;
  bool dots;  // column by column, for which b_rs is 1; else b_cs is
  // Of a few vectors, each beside the one before, if it goes column by column: what lies in a and c from one to the next.
  int64_t rows = 1, a_rs = 0, c_rs = 0;
};
// Columns that are best computed together; calls for parts of the columns divide them at multiples of it.
constexpr int64_t GEMV_UNIT = 8 * VW;
// The product of which one side has one row or column, or A a few rows and B columns that come from memory, if gemv serves it.
bool as_gemv(const GemmArgs& g, GemvArgs* v);
// Columns [j0, j1), with scratch as gemm has it, which is used when a has a stride. The order of each sum depends
// on k and on the place of its column in its unit.
void gemv(const GemvArgs& g, int64_t j0, int64_t j1, void* scratch);

bool matmul_validate(Check&);
void matmul_run(const Exec&);

// How many tasks `batch` products are worth on nthreads threads, and what each of them computes:
// products [b0, b1), rows [m0, m1), columns [n0, n1).
int gemm_tasks(int64_t batch, int64_t m, int64_t n, int64_t k, int nthreads);
void gemm_task_range(int64_t batch, int64_t m, int64_t n, int64_t k, int tasks, int task, int64_t* b0,
                     int64_t* b1, int64_t* m0, int64_t* m1, int64_t* n0, int64_t* n1);

}  // namespace NABLA_ISA
}  // namespace nabla
