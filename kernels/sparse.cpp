// SPMM and SDDMM. Each row, or each element, is computed by one thread in the order of its elements: the bits do not depend
// on the number of threads.
#include "check.h"
#include "index.h"

namespace nabla {
namespace NABLA_ISA {

namespace {

constexpr int64_t GRAIN = 16 * 1024;  // products that make a task worth handing over
constexpr int64_t AHEAD = 16;         // rows asked for before they are needed

// A sparse matrix by compressed rows: the elements of row r are pointer[r] to pointer[r + 1] - 1.
struct Csr {
  int64_t rows, cols, count, features;
  const int32_t *pointer, *column;
};

// Reads extents, pointers and columns.
struct Head {
  int32_t rows, cols, count, features;
  Range pointer, column;
};
Head head_of(Reader& r) {
  r.real_dtype();
  const int32_t rows = r.between(0, INT32_MAX - 1, "an extent is out of range");
  const int32_t cols = r.extent(), count = r.extent(), features = r.extent();
  if (!rows && count) r.fail("no row has the elements");
  const Range pointer = r.operand(4, (int64_t)rows + 1), column = r.operand(4, count);
  return {rows, cols, count, features, pointer, column};
}
Csr csr_of(const Exec& e) {
  const int32_t* w = e.w;
  return {w[3], w[4], w[5], w[6], operand<int32_t>(e, w + 7), operand<int32_t>(e, w + 9)};
}

// Do the pointers go up from 0 to the number of elements, and are the columns there? What is not becomes the fault.
bool sound(const Exec& e, const Csr& a, int32_t check) {
  int32_t lo = 0, hi = 1;
  for (int64_t r = 0; r <= a.rows; r++) {
    if (r == a.rows && r > 0) lo = (int32_t)a.count;
    if (r > 0) hi = (int32_t)least((int64_t)a.count + 1, INT32_MAX);
    const int32_t p = a.pointer[r];
    if (p < lo || p > a.count || (r == 0 && p != 0)) {
      *e.status = {INDEX_FAULT, check, p, lo, hi};
      return false;
    }
    lo = p;
  }
  return check_indices(e, a.column, a.count, (int32_t)a.cols, check);
}

// The numbers of the elements: ones, one for each, or those that `order` names.
struct Values {
  const real* value;
  const int32_t* order;
  real operator[](int64_t j) const { return value[order ? order[j] : j]; }
};

// K vectors of one row of the result from column f on; of the last one `lanes` columns.
template <int K, bool WEIGHTED>
NABLA_INLINE void vectors(const Csr& a, const Values& value, const real* x, int64_t r, int64_t f, int lanes, real* out) {
  const int64_t begin = a.pointer[r], end = a.pointer[r + 1];
  vf sum[K];
  for (int k = 0; k < K; k++) sum[k] = splat((real)0);
  for (int64_t j = begin; j < end; j++) {
    const real* row = x + a.column[j] * a.features + f;
    // Into L2: L1 has too few places for lines that are on their way.
    if (j + AHEAD < a.count) {
      const real* next = x + a.column[j + AHEAD] * a.features + f;
      for (int k = 0; k < K; k += 64 / NABLA_BYTES) __builtin_prefetch(next + k * VW, 0, 2);
    }
    const vf last = load_some(row + (K - 1) * VW, lanes);
    if (WEIGHTED) {
      const vf v = splat(value[j]);
      for (int k = 0; k < K - 1; k++) sum[k] += v * load(row + k * VW);
      sum[K - 1] += v * last;
    } else {
      for (int k = 0; k < K - 1; k++) sum[k] += load(row + k * VW);
      sum[K - 1] += last;
    }
  }
  real* const y = out + r * a.features + f;
  for (int k = 0; k < K - 1; k++) store(y + k * VW, sum[k]);
  store_some(y + (K - 1) * VW, sum[K - 1], lanes);
}

// Columns [f, stop) of one row of the result.
template <bool WEIGHTED>
NABLA_INLINE void one_row(const Csr& a, const Values& value, const real* x, int64_t r, int64_t f, int64_t stop, real* out) {
  for (; f + 8 * VW <= stop; f += 8 * VW) vectors<8, WEIGHTED>(a, value, x, r, f, VW, out);
  if (f + 4 * VW <= stop) vectors<4, WEIGHTED>(a, value, x, r, f, VW, out), f += 4 * VW;
  const int64_t rest = stop - f;
  const int last = (int)(rest % VW ? rest % VW : VW);
  if (rest > 3 * VW) vectors<4, WEIGHTED>(a, value, x, r, f, last, out);
  else if (rest > 2 * VW) vectors<3, WEIGHTED>(a, value, x, r, f, last, out);
  else if (rest > VW) vectors<2, WEIGHTED>(a, value, x, r, f, last, out);
  else if (rest > 0) vectors<1, WEIGHTED>(a, value, x, r, f, last, out);
}

template <bool WEIGHTED>
void multiply(const Exec& e, const Csr& a, const Values& value, const real* x, real* out) {
  const int64_t work = a.rows + a.count;
  int64_t longest = 0;
  for (int64_t r = 0; r < a.rows; r++) longest = most(longest, a.pointer[r + 1] - a.pointer[r]);
  if (longest > work / 8) {
    // One row has much of it: tasks own columns, by whole vectors.
    const int64_t pieces = ceil_div(a.features, VW);
    parallel_for(e, pieces, GRAIN / (work * VW), [&](int64_t begin, int64_t end) {
      for (int64_t r = 0; r < a.rows; r++)
        one_row<WEIGHTED>(a, value, x, r, begin * VW, least(end * VW, a.features), out);
    });
    return;
  }
  // The first row before which there is so much.
  const auto row_at = [&](int64_t done) {
    int64_t lo = 0, hi = a.rows;
    while (lo < hi) {
      const int64_t mid = (lo + hi) / 2;
      if (mid + a.pointer[mid] < done) lo = mid + 1;
      else hi = mid;
    }
    return lo;
  };
  parallel_for(e, work, GRAIN / a.features, [&](int64_t begin, int64_t end) {
    const int64_t stop = row_at(end);
    for (int64_t r = row_at(begin); r < stop; r++) one_row<WEIGHTED>(a, value, x, r, 0, a.features, out);
  });
}

real dot(const real* a, const real* b, int64_t n) {
  vf sum[4] = {};
  int64_t i = 0;
  for (; i + 4 * VW <= n; i += 4 * VW)
    for (int k = 0; k < 4; k++) sum[k] += load(a + i + k * VW) * load(b + i + k * VW);
  for (; i < n; i += VW) {
    const int lanes = (int)least(n - i, (int64_t)VW);
    sum[0] += load_some(a + i, lanes) * load_some(b + i, lanes);
  }
  return hsum((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

}  // namespace

bool spmm_validate(Check& c) {
  Reader r(c);
  const Head h = head_of(r);
  const int width = sizeof(real);
  const Range value = r.operand(width, h.count, true), order = r.operand(4, h.count, true);
  const Range x = r.operand(width, r.count(h.cols, h.features));
  const Range out = r.operand(width, r.count(h.rows, h.features));
  const Range inputs[] = {h.pointer, h.column, value, order, x};
  for (const Range& in : inputs) r.apart(out, in);
  r.word();
  return r.done();
}

void spmm_run(const Exec& e) {
  const int32_t* w = e.w;
  const Csr a = csr_of(e);
  const Values value = {operand<real>(e, w + 11), operand<int32_t>(e, w + 13)};
  if (!sound(e, a, w[19])) return;
  if (value.order && !check_indices(e, value.order, a.count, (int32_t)a.count, w[19])) return;
  if (!a.rows || !a.features) return;
  const real* x = operand<real>(e, w + 15);
  real* out = operand<real>(e, w + 17);
  if (value.value) multiply<true>(e, a, value, x, out);
  else multiply<false>(e, a, value, x, out);
}

bool sddmm_validate(Check& c) {
  Reader r(c);
  const Head h = head_of(r);
  const int width = sizeof(real);
  const Range x = r.operand(width, r.count(h.rows, h.features)), y = r.operand(width, r.count(h.cols, h.features));
  const Range out = r.operand(width, h.count);
  const Range inputs[] = {h.pointer, h.column, x, y};
  for (const Range& in : inputs) r.apart(out, in);
  r.word();
  return r.done();
}

void sddmm_run(const Exec& e) {
  const int32_t* w = e.w;
  const Csr a = csr_of(e);
  if (!sound(e, a, w[17]) || !a.count) return;
  const real *x = operand<real>(e, w + 11), *y = operand<real>(e, w + 13);
  real* out = operand<real>(e, w + 15);
  parallel_for(e, a.count, GRAIN / most(1, a.features), [&](int64_t begin, int64_t end) {
    // The row of element `begin`: the last one that starts at it or before.
    int64_t lo = 0, hi = a.rows - 1;
    while (lo < hi) {
      const int64_t mid = (lo + hi + 1) / 2;
      if (a.pointer[mid] <= begin) lo = mid;
      else hi = mid - 1;
    }
    for (int64_t j = begin, r = lo; j < end; j++) {
      while (j >= a.pointer[r + 1]) r++;
      if (j + AHEAD < a.count) ask(y + a.column[j + AHEAD] * a.features, a.features);
      out[j] = dot(x + r * a.features, y + a.column[j] * a.features, a.features);
    }
  });
}

}  // namespace NABLA_ISA
}  // namespace nabla
