// TAPS and TAPS_BACK: weighted sums of a few places along an axis, as interpolation and uneven pooling have them, and their
// adjoint. Each number is computed by one thread in one order: the bits do not depend on the number of threads.
#include "check.h"
#include "index.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

constexpr int64_t GRAIN = 16 * 1024;  // products that make a task worth handing over
constexpr int ROWS = 4;               // that share the reading of places and weights
constexpr int64_t BLOCK = 512;        // columns of which the rows of a gradient stay in the cache

struct Taps {
  int64_t rows, n, m, inner, k;
  const int32_t* place;
  const real* weight;  // null: ones
};

// Are the places there, or left out (-1)? What is not becomes the fault. `gaps`: is one left out?
bool sound(const Exec& e, const Taps& t, int32_t check, bool* gaps) {
  int32_t least_place = 0;
  for (int64_t i = 0; i < t.k * t.m; i++) {
    const int32_t p = t.place[i];
    least_place = p < least_place ? p : least_place;
    if (p < -1 || p >= t.n) {
      *e.status = {INDEX_FAULT, check, p, 0, (int32_t)t.n};
      return false;
    }
  }
  *gaps = least_place < 0;
  return true;
}

// R rows whose numbers lie one after the other. K: taps; 0: as many as there are, some left out.
template <int K, int R>
NABLA_INLINE void rows_of(const Taps& t, const real* x, real* y) {
  for (int64_t i = 0; i < t.m; i++) {
    real sum[R] = {};
    for (int64_t k = 0; k < (K ? K : t.k); k++) {
      const int32_t p = t.place[k * t.m + i];
      if (!K && p < 0) continue;
      const real w = t.weight ? t.weight[k * t.m + i] : (real)1;
      for (int r = 0; r < R; r++) sum[r] = K && k == 0 ? w * x[r * t.n + p] : sum[r] + w * x[r * t.n + p];
    }
    for (int r = 0; r < R; r++) y[r * t.m + i] = sum[r];
  }
}
template <int K>
void flat(const Exec& e, const Taps& t, const real* x, real* y) {
  parallel_for(e, ceil_div(t.rows, ROWS), GRAIN / (ROWS * (t.m * t.k + 1)), [&](int64_t begin, int64_t end) {
    int64_t r = begin * ROWS;
    const int64_t stop = least(end * ROWS, t.rows);
    for (; r + ROWS <= stop; r += ROWS) rows_of<K, ROWS>(t, x + r * t.n, y + r * t.m);
    for (; r < stop; r++) rows_of<K, 1>(t, x + r * t.n, y + r * t.m);
  });
}

// `inner` numbers for each place.
template <int K>
void deep(const Exec& e, const Taps& t, const real* x, real* y) {
  parallel_for(e, t.rows * t.m, GRAIN / (t.inner * t.k + 1), [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; at++) {
      const int64_t r = at / t.m, i = at % t.m;
      const real* const from = x + r * t.n * t.inner;
      const int32_t* const place = t.place + i;
      for (int64_t f = 0; f < t.inner; f += VW) {
        const int lanes = (int)least(t.inner - f, (int64_t)VW);
        vf sum = splat((real)0);
        for (int64_t k = 0; k < (K ? K : t.k); k++) {
          const int64_t p = place[k * t.m];
          if (!K && p < 0) continue;
          const vf v = load_some(from + p * t.inner + f, lanes) * splat(t.weight ? t.weight[k * t.m + i] : (real)1);
          sum = K && k == 0 ? v : sum + v;
        }
        store_some(y + at * t.inner + f, sum, lanes);
      }
    }
  });
}

template <int R>
NABLA_INLINE void rows_back(const Taps& t, const real* y, real* x) {
  for (int64_t i = 0; i < R * t.n; i++) x[i] = 0;
  for (int64_t i = 0; i < t.m; i++)
    for (int64_t k = 0; k < t.k; k++) {
      const int32_t p = t.place[k * t.m + i];
      if (p < 0) continue;
      const real w = t.weight ? t.weight[k * t.m + i] : (real)1;
      for (int r = 0; r < R; r++) x[r * t.n + p] += w * y[r * t.m + i];
    }
}
void flat_back(const Exec& e, const Taps& t, const real* y, real* x) {
  parallel_for(e, ceil_div(t.rows, ROWS), GRAIN / (ROWS * (t.m * t.k + t.n)), [&](int64_t begin, int64_t end) {
    int64_t r = begin * ROWS;
    const int64_t stop = least(end * ROWS, t.rows);
    for (; r + ROWS <= stop; r += ROWS) rows_back<ROWS>(t, y + r * t.m, x + r * t.n);
    for (; r < stop; r++) rows_back<1>(t, y + r * t.m, x + r * t.n);
  });
}
void deep_back(const Exec& e, const Taps& t, const real* y, real* x) {
  const int64_t blocks = ceil_div(t.inner, BLOCK);
  parallel_for(e, t.rows * blocks, GRAIN / (least(t.inner, BLOCK) * (t.m * t.k + t.n)), [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; at++) {
      const int64_t r = at / blocks, first = at % blocks * BLOCK, stop = least(first + BLOCK, t.inner);
      real* const to = x + r * t.n * t.inner;
      for (int64_t j = 0; j < t.n; j++)
        for (int64_t f = first; f < stop; f++) to[j * t.inner + f] = 0;
      for (int64_t i = 0; i < t.m; i++) {
        const real* const from = y + (r * t.m + i) * t.inner;
        for (int64_t k = 0; k < t.k; k++) {
          const int64_t p = t.place[k * t.m + i];
          if (p < 0) continue;
          const vf w = splat(t.weight ? t.weight[k * t.m + i] : (real)1);
          real* const row = to + p * t.inner;
          for (int64_t f = first; f < stop; f += VW) {
            const int lanes = (int)least(stop - f, (int64_t)VW);
            store_some(row + f, load_some(row + f, lanes) + w * load_some(from + f, lanes), lanes);
          }
        }
      }
    }
  });
}

template <int K>
void forward(const Exec& e, const Taps& t, const real* x, real* y) {
  if (t.inner == 1) flat<K>(e, t, x, y);
  else deep<K>(e, t, x, y);
}

}  // namespace

bool taps_validate(Check& c) {
  Reader r(c);
  r.real_dtype();
  int32_t size[5];  // rows, n, m, inner, k
  r.extents(5, size);
  const int width = sizeof(real);
  const bool back = c.w[0] == OP_TAPS_BACK;
  const int64_t taps = r.count(size[4], size[2]);
  const Range place = r.operand(4, taps), weight = r.operand(width, taps, true);
  const int64_t in = r.count(size[0], size[1], size[3]), out = r.count(size[0], size[2], size[3]);
  const Range a = r.operand(width, back ? out : in), b = r.operand(width, back ? in : out);
  const Range inputs[] = {place, weight, a};
  for (const Range& input : inputs) r.apart(b, input);
  r.word();
  return r.done();
}

void taps_run(const Exec& e) {
  const int32_t* w = e.w;
  const Taps t = {w[3], w[4], w[5], w[6], w[7], operand<int32_t>(e, w + 8), operand<real>(e, w + 10)};
  bool gaps;
  if (!sound(e, t, w[16], &gaps) || !t.rows || !t.inner) return;
  const real* a = operand<real>(e, w + 12);
  real* b = operand<real>(e, w + 14);
  if (w[0] == OP_TAPS_BACK) {
    if (!t.n) return;
    if (t.inner == 1) flat_back(e, t, a, b);
    else deep_back(e, t, a, b);
    return;
  }
  if (!t.m) return;
  if (gaps || !t.k) return forward<0>(e, t, a, b);
  switch (t.k) {
    case 1: return forward<1>(e, t, a, b);
    case 2: return forward<2>(e, t, a, b);
    case 4: return forward<4>(e, t, a, b);
    default: return forward<0>(e, t, a, b);
  }
}

}  // namespace NABLA_ISA
}  // namespace nabla
