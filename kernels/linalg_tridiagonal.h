// Eigenvalues and vectors of a symmetric tridiagonal matrix, for eigh and svd.
#pragma once
#include "linalg.h"

namespace nabla {
namespace NABLA_ISA {

// Diagonal d (n), beside it e (n - 1; lost). d becomes the values, ascending, the rows of zt (n x n, or null) the vectors;
// rows below `first` hold nothing of use. False when the iteration does not end.
bool tridiagonal_eigen(double* d, double* e, int64_t n, double* zt, int64_t ldz, int64_t first, Pool64 pool);
int64_t tridiagonal_bytes(int64_t n);

}  // namespace NABLA_ISA
}  // namespace nabla
