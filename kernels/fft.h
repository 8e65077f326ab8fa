// The discrete Fourier transform of rows of complex numbers, any length.
#pragma once
#include "linalg.h"

namespace nabla {
namespace NABLA_ISA {

// y[k] = sum over j of x[j] exp(sign 2 pi i j k / n), for `rows` rows of n pairs (real part, imaginary part). x and y are
// different memory. `sign` is -1 (forward) or 1.
void fft(const real* x, real* y, int64_t rows, int64_t n, int sign, Pool64 pool);
int64_t fft_bytes(int64_t n);

}  // namespace NABLA_ISA
}  // namespace nabla
