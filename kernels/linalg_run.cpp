// LU, CHOLESKY, SOLVE_TRIANGULAR, QR, HOUSEHOLDER, EIGH, SVD and FFT: matrices one after the other, each by one thread.
#include "check.h"
#include "fft.h"
#include "linalg.h"
#include "linalg_run.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

NABLA_INLINE void copy(const real* from, int64_t n, real* to) {
  if (n > 0) __builtin_memcpy(to, from, n * sizeof(real));  // of nothing there may be no place
}
NABLA_INLINE void all_nan(real* to, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] = __builtin_nan("");
}
// An output that nobody wants (slot -1) is written to scratch.
NABLA_INLINE int64_t spare(int64_t n) { return n * (int64_t)sizeof(double) + 64; }
template <class T>
NABLA_INLINE T* place(T* out, int64_t b, int64_t n, Pool64& pool) {
  return out ? out + b * n : pool.take<T>(n);
}
// Calls f(matrix, pool) for each of the batch.
template <class F>
NABLA_INLINE void each(const Exec& e, int64_t batch, int64_t work, const F& f) {
  const int tasks = work * batch < 32 * 1024 ? batch > 0 : cut(e, batch, 1);
  parallel(e, tasks, [&](int task, int thread) {
    for (int64_t b = batch * task / tasks; b < batch * (task + 1) / tasks; b++) f(b, Pool64{e.scratch + thread * e.per_thread});
  });
}

}  // namespace

bool linalg_validate(Check& c) {
  Reader r(c);
  r.real_dtype();
  constexpr int W = sizeof(real);
  const int32_t batch = r.extent();
  // Nothing to compute needs no scratch, however large the other extents are; nor has what was refused a size.
  bool empty = batch == 0;
  switch (c.w[0]) {
    case OP_LU: {
      const int32_t m = r.extent(), n = r.extent();
      const Range a = r.operand(W, r.count(batch, m, n)), out = r.operand(W, r.count(batch, m, n), true);
      const Range pivot = r.operand(4, r.count(batch, (int32_t)least(m, n)), true), info = r.operand(4, batch, true);
      r.apart(out, a), r.apart(pivot, a), r.apart(info, a);
      r.apart(out, pivot), r.apart(out, info), r.apart(pivot, info);
      empty |= m == 0 || n == 0;
      c.per_thread = empty || !r.ok ? 0 : lu_bytes(m, n) + spare((int64_t)m * n) + spare(m);
      break;
    }
    case OP_CHOLESKY: {
      const int32_t n = r.extent();
      const Range a = r.operand(W, r.count(batch, n, n)), out = r.operand(W, r.count(batch, n, n), true);
      const Range info = r.operand(4, batch, true);
      r.apart(out, a), r.apart(info, a), r.apart(out, info);
      empty |= n == 0;
      c.per_thread = empty || !r.ok ? 0 : cholesky_bytes(n) + spare((int64_t)n * n);
      break;
    }
    case OP_SOLVE_TRIANGULAR: {
      const int32_t n = r.extent(), columns = r.extent();
      for (int i = 0; i < 3; i++) r.between(0, 1, "a flag is 0 or 1");
      const Range t = r.operand(W, r.count(batch, n, n)), b = r.operand(W, r.count(batch, n, columns));
      const Range out = r.operand(W, r.count(batch, n, columns));
      r.apart(out, t), r.apart(out, b);
      empty |= n == 0 || columns == 0;
      c.per_thread = empty || !r.ok ? 0 : triangular_bytes(n, columns);
      break;
    }
    case OP_QR: {
      const int32_t m = r.extent(), n = r.extent();
      const Range a = r.operand(W, r.count(batch, m, n)), out = r.operand(W, r.count(batch, m, n), true);
      const Range tau = r.operand(W, r.count(batch, (int32_t)least(m, n)), true);
      r.apart(out, a), r.apart(tau, a), r.apart(out, tau);
      empty |= m == 0 || n == 0;
      c.per_thread = empty || !r.ok ? 0 : qr_bytes(m, n) + spare((int64_t)m * n) + spare(m);
      break;
    }
    case OP_HOUSEHOLDER: {
      const int32_t m = r.extent(), n = r.extent();
      const int32_t k = r.between(0, (int32_t)least(m, n), "there are more reflections than columns");
      const int32_t columns = r.between(0, m, "there are at most as many columns as rows");
      const Range a = r.operand(W, r.count(batch, m, n)), tau = r.operand(W, r.count(batch, k));
      const Range out = r.operand(W, r.count(batch, m, columns));
      r.apart(out, a), r.apart(out, tau);
      empty |= m == 0 || columns == 0 || k == 0;
      c.per_thread = empty || !r.ok ? 0 : qr_bytes(m, most(n, columns));
      break;
    }
#if NABLA_LANES == 64
    case OP_EIGH: {
      const int32_t n = r.extent();
      const Range a = r.operand(W, r.count(batch, n, n)), w = r.operand(W, r.count(batch, n), true);
      const Range v = r.operand(W, r.count(batch, n, n), true);
      r.apart(w, a), r.apart(v, a), r.apart(w, v);
      empty |= n == 0;
      c.per_thread = empty || !r.ok ? 0 : eigh_bytes(n, v.slot >= 0) + spare((int64_t)n * n) + spare(n);
      break;
    }
    case OP_SVD: {
      const int32_t m = r.extent(), n = r.extent();
      if (m < n) r.fail("there are more columns than rows");
      const Range a = r.operand(W, r.count(batch, m, n)), s = r.operand(W, r.count(batch, n), true);
      const Range u = r.operand(W, r.count(batch, m, n), true), vt = r.operand(W, r.count(batch, n, n), true);
      r.apart(s, a), r.apart(u, a), r.apart(vt, a);
      r.apart(s, u), r.apart(s, vt), r.apart(u, vt);
      empty |= n == 0;
      c.per_thread = empty || !r.ok ? 0 : svd_bytes(m, n, u.slot >= 0 || vt.slot >= 0) + spare((int64_t)m * n) + spare((int64_t)n * n) + spare(n);
      break;
    }
#endif
    case OP_FFT: {
      const int32_t n = r.extent();
      const int32_t sign = r.word();
      if (sign != 1 && sign != -1) r.fail("a sign is 1 or -1");
      const Range x = r.operand(W, r.count(batch, n, 2)), y = r.operand(W, r.count(batch, n, 2));
      r.apart(y, x);
      empty |= n == 0;
      c.per_thread = empty || !r.ok ? 0 : fft_bytes(n);
      break;
    }
    default: r.fail("the instruction has no such dtype");
  }
  return r.done();
}

void linalg_run(const Exec& e) {
  const int32_t* const w = e.w + 3;
  const int64_t batch = w[0];
  switch (e.w[0]) {
    case OP_LU: {
      const int64_t m = w[1], n = w[2], k = least(m, n);
      const real* const a = operand<real>(e, w + 3);
      real* const out = operand<real>(e, w + 5);
      int32_t *const pivot = operand<int32_t>(e, w + 7), *const info = operand<int32_t>(e, w + 9);
      each(e, batch, m * n * k, [&](int64_t b, Pool64 pool) {
        real* const to = place(out, b, m * n, pool);
        int32_t* const rows = place(pivot, b, k, pool);
        copy(a + b * m * n, m * n, to);
        const int32_t zero = lu(to, n, m, n, rows, pool);
        if (info) info[b] = zero;
      });
      return;
    }
    case OP_CHOLESKY: {
      const int64_t n = w[1];
      const real* const a = operand<real>(e, w + 2);
      real* const out = operand<real>(e, w + 4);
      int32_t* const info = operand<int32_t>(e, w + 6);
      each(e, batch, n * n * n, [&](int64_t b, Pool64 pool) {
        real* const to = place(out, b, n * n, pool);
        copy(a + b * n * n, n * n, to);
        const int32_t minor = cholesky(to, n, n, pool);
        if (minor) all_nan(to, n * n);
        if (info) info[b] = minor;
      });
      return;
    }
    case OP_SOLVE_TRIANGULAR: {
      const int64_t n = w[1], columns = w[2];
      const bool upper = w[3], transposed = w[4], unit = w[5];
      const real *const t = operand<real>(e, w + 6), *const b = operand<real>(e, w + 8);
      real* const out = operand<real>(e, w + 10);
      if (columns == 0) return;  // no scratch was counted
      each(e, batch, n * n * columns, [&](int64_t i, Pool64 pool) {
        copy(b + i * n * columns, n * columns, out + i * n * columns);
        solve_triangular(t + i * n * n, transposed ? 1 : n, transposed ? n : 1, n, upper != transposed, unit,
                         out + i * n * columns, columns, columns, pool);
      });
      return;
    }
    case OP_QR: {
      const int64_t m = w[1], n = w[2], k = least(m, n);
      const real* const a = operand<real>(e, w + 3);
      real *const out = operand<real>(e, w + 5), *const tau = operand<real>(e, w + 7);
      each(e, batch, m * n * k, [&](int64_t b, Pool64 pool) {
        real *const to = place(out, b, m * n, pool), *const factors = place(tau, b, k, pool);
        copy(a + b * m * n, m * n, to);
        qr(to, n, m, n, factors, pool);
      });
      return;
    }
    case OP_HOUSEHOLDER: {
      const int64_t m = w[1], n = w[2], k = w[3], columns = w[4];
      const real *const a = operand<real>(e, w + 5), *const tau = operand<real>(e, w + 7);
      real* const out = operand<real>(e, w + 9);
      if (columns == 0) return;  // no scratch was counted
      each(e, batch, m * columns * k, [&](int64_t b, Pool64 pool) {
        householder_product(a + b * m * n, n, m, k, tau + b * k, out + b * m * columns, columns, columns, pool);
      });
      return;
    }
#if NABLA_LANES == 64
    case OP_EIGH: {
      const int64_t n = w[1];
      const real* const a = operand<real>(e, w + 2);
      real *const values = operand<real>(e, w + 4), *const v = operand<real>(e, w + 6);
      each(e, batch, n * n * n, [&](int64_t b, Pool64 pool) {
        real *const work = place(v, b, n * n, pool), *const at = place(values, b, n, pool);
        copy(a + b * n * n, n * n, work);
        if (eigh(work, n, n, at, v != nullptr, pool)) return;
        all_nan(at, n);
        all_nan(work, n * n);
      });
      return;
    }
    case OP_SVD: {
      const int64_t m = w[1], n = w[2];
      const real* const a = operand<real>(e, w + 3);
      real *const s = operand<real>(e, w + 5), *const u = operand<real>(e, w + 7), *const vt = operand<real>(e, w + 9);
      each(e, batch, m * n * n, [&](int64_t b, Pool64 pool) {
        real *const work = place(u, b, m * n, pool), *const right = place(vt, b, n * n, pool);
        real* const at = place(s, b, n, pool);
        copy(a + b * m * n, m * n, work);
        if (svd(work, n, m, n, at, right, u || vt, pool)) return;
        all_nan(at, n), all_nan(work, m * n), all_nan(right, n * n);
      });
      return;
    }
#endif
    case OP_FFT: {
      const int64_t n = w[1];
      const int sign = w[2];
      const real* const x = operand<real>(e, w + 3);
      real* const y = operand<real>(e, w + 5);
      // Rows together, which short ones need for their lanes.
      const int tasks = batch * n < 16 * 1024 ? batch * n > 0 : cut(e, batch, most(1, ceil_div(4096, most(n, 1))));
      parallel(e, tasks, [&](int task, int thread) {
        const int64_t b0 = batch * task / tasks, b1 = batch * (task + 1) / tasks;
        fft(x + 2 * b0 * n, y + 2 * b0 * n, b1 - b0, n, sign, Pool64{e.scratch + thread * e.per_thread});
      });
    }
  }
}

}  // namespace NABLA_ISA
}  // namespace nabla
