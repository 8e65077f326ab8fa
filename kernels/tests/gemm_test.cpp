// test: isa sources=gemm.cpp,gemm_zeros.cpp,gemv.cpp args=600 args-slow=60
// The matrix product against a plain double loop: random shapes, strides, accumulation, bias, and
// every division into tasks, which must give the same bits as no division; what leaves out zeros against what does not; and a
// vector times a matrix, small or large enough to come from memory.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <initializer_list>

#include "gemm.h"

using namespace nabla::NABLA_ISA;

static uint32_t state = 12345;
static uint32_t next() {
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}
static int64_t below(int64_t n) { return next() % n; }
static float value() { return (float)next() / (1 << 23) - 1.0f; }
static int failures = 0;

struct Buffer {
  float* p;
  explicit Buffer(int64_t n) : p((float*)malloc(n * 4 + 4)) {
    for (int64_t i = 0; i < n; i++) p[i] = value();
  }
  Buffer(const Buffer&) = delete;
  ~Buffer() { free(p); }
};

static int64_t extent() {
  switch (below(8)) {
    case 0: return below(3);
    case 1: return 1 + below(300);
    case 2: return 16 * (1 + below(5));
    default: return 1 + below(70);
  }
}
// Strides of rows x cols in which elements do not meet: rows or columns together, or neither.
static int64_t strides(int64_t rows, int64_t cols, int64_t* rs, int64_t* cs) {
  const int64_t gap = below(2) * below(9), step = below(4) ? 1 : 2 + below(2);
  if (below(2))
    *cs = step, *rs = cols * step + gap;
  else
    *rs = step, *cs = rows * step + gap;
  return rows * *rs + cols * *cs + 1;
}

static void one(int64_t m, int64_t n, int64_t k, int64_t batch) {
  int64_t a_rs, a_cs, b_rs, b_cs;
  const int64_t a_size = strides(m, k, &a_rs, &a_cs), b_size = strides(k, n, &b_rs, &b_cs);
  const int64_t c_rs = n + below(2) * below(20), c_size = m * c_rs + 1;
  const bool accumulate = below(2), biased = below(2);
  // Exact sizes, so that the address sanitizer sees an access past the last element.
  const int64_t a_used = m && k ? (m - 1) * a_rs + (k - 1) * a_cs + 1 : 0;
  const int64_t b_used = k && n ? (k - 1) * b_rs + (n - 1) * b_cs + 1 : 0;
  Buffer a((batch - 1) * a_size + a_used), b((batch - 1) * b_size + b_used), bias(n);
  Buffer c(batch * c_size), before(batch * c_size), whole(batch * c_size);
  memcpy(before.p, c.p, batch * c_size * 4);
  const int64_t bytes = gemm_scratch_bytes(m, n, k);
  char* const scratch = (char*)aligned_alloc(64, ((bytes + 63) & ~63ll) + 64);
  memset(scratch, 0xff, bytes + 64);  // NaN wherever something is read that was not packed
  const auto run = [&](int64_t x, int64_t m0, int64_t m1, int64_t n0, int64_t n1) {
    gemm({a.p + x * a_size + m0 * a_rs, b.p + x * b_size + n0 * b_cs, c.p + x * c_size + m0 * c_rs + n0,
          m1 - m0, n1 - n0, k, a_rs, a_cs, b_rs, b_cs, c_rs, accumulate, biased ? bias.p + n0 : nullptr},
         scratch);
  };
  for (int64_t x = 0; x < batch; x++) run(x, 0, m, 0, n);
  memcpy(whole.p, c.p, batch * c_size * 4);
  bool bad = false;
  for (int64_t i = 0; i < 64; i++) bad |= scratch[bytes + i] != (char)0xff;
  for (int64_t x = 0; x < batch; x++)
    for (int64_t at = 0; at < c_size; at++) {
      const int64_t i = c_rs ? at / c_rs : m, j = c_rs ? at % c_rs : 0;
      const float got = c.p[x * c_size + at], was = before.p[x * c_size + at];
      if (i >= m || j >= n) {
        bad |= got != was;
        continue;
      }
      double sum = biased ? bias.p[j] : 0, size = 1;
      if (accumulate) sum += was;
      for (int64_t p = 0; p < k; p++) {
        const double t = (double)a.p[x * a_size + i * a_rs + p * a_cs] * b.p[x * b_size + p * b_rs + j * b_cs];
        sum += t, size += __builtin_fabs(t);
      }
      bad |= !(__builtin_fabs(got - sum) <= 1e-6 * size);
    }
  const char* what = "values";
  for (int threads = 1; threads <= 7 && !bad; threads += 1 + (int)below(3)) {
    const int tasks = below(2) ? gemm_tasks(batch, m, n, k, threads) : threads;
    memcpy(c.p, before.p, batch * c_size * 4);
    for (int t = 0; t < tasks; t++) {
      int64_t b0, b1, m0, m1, n0, n1;
      gemm_task_range(batch, m, n, k, tasks, t, &b0, &b1, &m0, &m1, &n0, &n1);
      for (int64_t x = b0; x < b1; x++) run(x, m0, m1, n0, n1);
    }
    bad = memcmp(c.p, whole.p, batch * c_size * 4) != 0 || tasks < 1 || tasks > threads;
    what = "tasks";
  }
  if (bad) {
    printf("%s: %lld x %lld x %lld, batch %lld, a %lld %lld, b %lld %lld, accumulate %d, bias %d\n", what,
           (long long)m, (long long)n, (long long)k, (long long)batch, (long long)a_rs, (long long)a_cs,
           (long long)b_rs, (long long)b_cs, accumulate, biased);
    failures++;
  }
  free(scratch);
}

// A NaN or an infinity reaches its row or column and nothing else.
static void special(int64_t m, int64_t n, int64_t k) {
  Buffer a(m * k), b(k * n), c(m * n);
  void* const scratch = aligned_alloc(64, (gemm_scratch_bytes(m, n, k) + 63) & ~63ll);
  const int64_t i0 = below(m), j0 = below(n);
  a.p[i0 * k + below(k)] = __builtin_nanf("");
  b.p[below(k) * n + j0] = __builtin_inff();
  gemm({a.p, b.p, c.p, m, n, k, k, 1, n, 1, n, false, nullptr}, scratch);
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) {
      const float x = c.p[i * n + j];
      if (i == i0 ? !__builtin_isnan(x) : j == j0 ? !__builtin_isinf(x) : !__builtin_isfinite(x)) {
        printf("special: %lld %lld is %g\n", (long long)i, (long long)j, x);
        failures++;
        free(scratch);
        return;
      }
    }
  free(scratch);
}

// Left out or not, zeros give the same sums, with numbers among the others that are not finite, too. What is laid out
// beforehand is multiplied in full.
static void zeros() {
  const int64_t m = below(12) ? 32 + below(150) : 1000 + below(150), n = below(12) ? 64 + below(300) : 1000 + below(150);
  const int64_t k = 1048576 / (m * n) + 1 + below(below(4) ? 60 : 1000);
  int64_t a_rs, a_cs, b_rs, b_cs;
  const int64_t a_size = strides(m, k, &a_rs, &a_cs), b_size = strides(k, n, &b_rs, &b_cs), c_rs = n + below(20);
  const bool accumulate = below(2), biased = below(2);
  Buffer a(a_size), b(b_size), bias(n), c(m * c_rs), full(m * c_rs), laid(gemm_laid_reals(n, k));
  const int64_t side = below(3), density = below(70);
  for (int64_t i = 0; side != 1 && i < a_size; i++) a.p[i] *= below(100) < density;
  for (int64_t i = 0; side != 0 && i < b_size; i++) b.p[i] *= below(100) < density;
  if (!below(3)) a.p[below(m) * a_rs + below(k) * a_cs] = below(2) ? __builtin_nanf("") : -__builtin_inff();
  if (!below(3)) b.p[below(k) * b_rs + below(n) * b_cs] = below(2) ? __builtin_nanf("") : __builtin_inff();
  memcpy(full.p, c.p, m * c_rs * 4);
  const int64_t bytes = gemm_scratch_bytes(m, n, k);
  char* const scratch = (char*)aligned_alloc(64, ((bytes + 63) & ~63ll) + 64);
  memset(scratch, 0xff, bytes + 64);
  gemm_lay(b.p, b_rs, b_cs, n, k, laid.p);
  gemm({a.p, laid.p, full.p, m, n, k, a_rs, a_cs, 0, 0, c_rs, accumulate, biased ? bias.p : nullptr, true}, scratch);
  memset(scratch, 0xff, bytes + 64);
  const int tasks = 1 + (int)below(3);
  for (int t = 0; t < tasks; t++) {
    int64_t b0, b1, m0, m1, n0, n1;
    gemm_task_range(1, m, n, k, tasks, t, &b0, &b1, &m0, &m1, &n0, &n1);
    gemm({a.p + m0 * a_rs, b.p + n0 * b_cs, c.p + m0 * c_rs + n0, m1 - m0, n1 - n0, k, a_rs, a_cs, b_rs, b_cs, c_rs,
          accumulate, biased ? bias.p + n0 : nullptr},
         scratch);
  }
  bool bad = false;
  for (int64_t i = 0; i < 64; i++) bad |= scratch[bytes + i] != (char)0xff;
  for (int64_t i = 0; i < m * c_rs; i++)
    bad |= c.p[i] != full.p[i] && !(__builtin_isnan(c.p[i]) && __builtin_isnan(full.p[i]));
  if (bad) {
    printf("zeros: %lld x %lld x %lld, a %lld %lld, b %lld %lld, side %lld, density %lld, %d tasks\n", (long long)m,
           (long long)n, (long long)k, (long long)a_rs, (long long)a_cs, (long long)b_rs, (long long)b_cs,
           (long long)side, (long long)density, tasks);
    failures++;
  }
  free(scratch);
}

static void vector(int64_t n, int64_t k, bool far) {
  const bool column = below(3) == 0;  // the matrix times a vector, rather than the vector times the matrix
  const bool dense = below(3) != 0;
  int64_t b_rs = 1, b_cs = k, a_s = dense ? 1 : 1 + below(3);
  if (column || below(2)) b_cs += dense ? 0 : below(9);
  else b_cs = 1, b_rs = n + (dense ? 0 : below(9));
  const int64_t c_s = column && !dense ? 1 + below(3) : 1;
  const bool accumulate = below(4) == 0, biased = below(2);
  Buffer a((k - 1) * a_s + 1), b((n - 1) * b_cs + (k - 1) * b_rs + 1), bias(column ? 1 : n), c((n - 1) * c_s + 1), before((n - 1) * c_s + 1);
  memcpy(before.p, c.p, ((n - 1) * c_s + 1) * 4);
  const GemmArgs g = column ? GemmArgs{b.p, a.p, c.p, n, 1, k, b_cs, b_rs, a_s, 1, c_s, accumulate, biased ? bias.p : nullptr}
                            : GemmArgs{a.p, b.p, c.p, 1, n, k, 1, a_s, b_rs, b_cs, n, accumulate, biased ? bias.p : nullptr};
  GemvArgs v;
  bool bad = !as_gemv(g, &v);
  void* const scratch = aligned_alloc(64, (gemm_scratch_bytes(g.m, g.n, k) + 63) & ~63ll);
  if (!bad) gemv(v, 0, v.n, scratch);
  for (int64_t j = 0; j < n && !bad; j++) {
    double sum = biased ? bias.p[column ? 0 : j] : 0, size = 1;
    if (accumulate) sum += before.p[j * c_s];
    for (int64_t p = 0; p < k; p++) {
      const double t = (double)a.p[p * a_s] * b.p[p * b_rs + j * b_cs];
      sum += t, size += __builtin_fabs(t);
    }
    bad = !(__builtin_fabs(c.p[j * c_s] - sum) <= 1e-6 * size);
  }
  // Parts of the columns have the bits of the whole.
  Buffer parts((n - 1) * c_s + 1);
  memcpy(parts.p, before.p, ((n - 1) * c_s + 1) * 4);
  v.c = parts.p;
  for (int64_t j = 0; j < n && !bad;) {
    const int64_t to = j + GEMV_UNIT * (1 + below(5));
    gemv(v, j, to < n ? to : n, scratch);
    j = to;
  }
  for (int64_t j = 0; j < n && !bad; j++) bad = parts.p[j * c_s] != c.p[j * c_s];
  if (bad) {
    printf("vector: %lld x %lld, strides %lld %lld %lld %lld, column %d, accumulate %d, bias %d, far %d\n", (long long)n, (long long)k,
           (long long)b_rs, (long long)b_cs, (long long)a_s, (long long)c_s, column, accumulate, biased, far);
    failures++;
  }
  free(scratch);
}

// A few rows by columns that come from memory have the bits of each row alone.
static void few_rows() {
  const int64_t m = 2 + below(5), k = 16 + below(900), n = 66000 / k + 1 + below(100);
  const int64_t a_rs = k + below(9), b_cs = k + below(9), c_rs = n + below(9);
  const bool accumulate = below(2), biased = below(2);
  Buffer a((m - 1) * a_rs + k), b((n - 1) * b_cs + k), bias(n), c((m - 1) * c_rs + n), single((m - 1) * c_rs + n);
  memcpy(single.p, c.p, ((m - 1) * c_rs + n) * 4);
  const GemmArgs g = {a.p, b.p, c.p, m, n, k, a_rs, 1, 1, b_cs, c_rs, accumulate, biased ? bias.p : nullptr};
  GemvArgs v;
  bool bad = !as_gemv(g, &v);
  for (int64_t j = 0; j < n && !bad; j += 3 * GEMV_UNIT) gemv(v, j, j + 3 * GEMV_UNIT < n ? j + 3 * GEMV_UNIT : n, nullptr);
  for (int64_t i = 0; i < m && !bad; i++) {
    GemmArgs row = g;
    row.a += i * a_rs, row.c = single.p + i * c_rs, row.m = 1;
    bad = !as_gemv(row, &v);
    if (!bad) gemv(v, 0, n, nullptr);
  }
  if (bad || memcmp(c.p, single.p, ((m - 1) * c_rs + n) * 4) != 0) printf("few rows: %lld x %lld x %lld\n", (long long)m, (long long)n, (long long)k), failures++;
}

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 100;
  for (int i = 0; i < rounds; i++) one(extent(), extent(), extent(), below(4) ? 1 : 1 + below(5));
  for (int i = 0; i < rounds; i++) special(1 + below(40), 1 + below(70), 1 + below(40));
  for (int i = 0; i < rounds / 4; i++) zeros();
  for (int i = 0; i < rounds; i++) vector(1 + extent(), 1 + extent(), false);
  for (int i = 0; i < rounds / 20; i++) {
    few_rows();
    const int64_t k = 16 + below(900);
    vector(66000 / k + 1 + below(300), k, true);
  }
  one(0, 5, 3, 1), one(5, 0, 3, 1), one(5, 3, 0, 1);
  // Past every block size, and strides of a page.
  one(250, 70, 1100, 1), one(20, 1100, 20, 1), one(130, 1040, 30, 1);
  for (int i = 0; i < 4; i++) one(60, 150, 1024, 1);
  // Of these what comes next is asked for.
  for (int i = 0; i < 5; i++) one(300 + below(200), 500 + below(300), 400 + below(300), 1);
  // Sides that are exchanged, in one block of K and several, with a lane for each row and idle ones.
  for (int64_t m : {3, 9, 16, 23, 32})
    for (int64_t k : {512, 600, 1024, 2500}) one(m, 150, k, 1);
  // Small and large work.
  if (gemm_tasks(1, 8, 8, 8, 4) != 1 || gemm_tasks(1, 512, 512, 512, 4) != 4) failures++, puts("gemm_tasks");
  if (failures) printf("%d failures\n", failures);
  return failures ? 1 : 0;
}
