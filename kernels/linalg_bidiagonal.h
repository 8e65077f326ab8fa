// Singular values and vectors of an upper bidiagonal matrix, for svd.
#pragma once
#include "linalg.h"

namespace nabla {
namespace NABLA_ISA {

// Diagonal d (n), above it e (n - 1; lost). d becomes the values, ascending; the rows of u and v (n x n, stride n; both or
// none) the left and the right vectors. False when the iteration does not end.
bool bidiagonal_svd(double* d, double* e, int64_t n, double* u, double* v, Pool64 pool);
int64_t bidiagonal_bytes(int64_t n);

}  // namespace NABLA_ISA
}  // namespace nabla
