// QR by Householder reflections, in panels whose reflections are applied together: I - V T V^T (Schreiber and Van Loan,
// 1989).
#include "linalg.h"
#include "linalg_reflect.h"

namespace nabla {
namespace NABLA_ISA {

int64_t qr_bytes(int64_t m, int64_t n) {
  Pool64 pool{nullptr};
  take_reflections(pool, m, most(m, n));
  return pool.used;
}

void qr(real* a, int64_t ld, int64_t m, int64_t n, real* tau, Pool64 pool) {
  Reflections r = take_reflections(pool, m, n);
  const int64_t k = least(m, n);
  for (int64_t j = 0; j < k; j += REFLECTIONS) {
    const int64_t nb = least(REFLECTIONS, k - j), rows = m - j;
    real* const v = r.v;
    for (int64_t i = 0; i < rows; i++) copy_run(a + (j + i) * ld + j, nb, v + i * nb);
    for (int64_t c = 0; c < nb; c++) {
      real beta;
      tau[j + c] = reflect(v + c * nb + c, nb, rows - c, &beta);
      v[c * nb + c] = 1;
      // On the panel's other columns, row by row.
      const int64_t right = nb - c - 1;
      if (right > 0 && tau[j + c] != 0) {
        for (int64_t x = 0; x < right; x++) r.row[x] = 0;
        for (int64_t i = c; i < rows; i++) axpy(v[i * nb + c], v + i * nb + c + 1, r.row, right);
        scale(-tau[j + c], r.row, right);
        for (int64_t i = c; i < rows; i++) axpy(v[i * nb + c], r.row, v + i * nb + c + 1, right);
      }
      v[c * nb + c] = beta;
    }
    for (int64_t i = 0; i < rows; i++) copy_run(v + i * nb, nb, a + (j + i) * ld + j);
    if (n - j - nb <= 0) continue;
    lower_trapezoid(v, nb, rows, nb);
    gather(r, v, nb, 1, rows, nb, tau + j);
    apply(r, v, nb, 1, rows, nb, true, a + j * ld + j + nb, ld, n - j - nb);
  }
}

void householder_product(const real* a, int64_t ld, int64_t m, int64_t k, const real* tau, real* q, int64_t ldq,
                         int64_t columns, Pool64 pool) {
  Reflections r = take_reflections(pool, m, columns);
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < columns; j++) q[i * ldq + j] = i == j;
  for (int64_t j = (k - 1) / REFLECTIONS * REFLECTIONS; k > 0 && j >= 0; j -= REFLECTIONS) {
    const int64_t nb = least(REFLECTIONS, k - j), rows = m - j;
    for (int64_t i = 0; i < rows; i++) copy_run(a + (j + i) * ld + j, nb, r.v + i * nb);
    lower_trapezoid(r.v, nb, rows, nb);
    gather(r, r.v, nb, 1, rows, nb, tau + j);
    // Columns before j are still those of the identity below row j.
    apply(r, r.v, nb, 1, rows, nb, false, q + j * ldq + j, ldq, columns - j);
  }
}

}  // namespace NABLA_ISA
}  // namespace nabla
