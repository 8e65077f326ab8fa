// What the machine can do, for `npm run bench -- NAME --bound`, on as many threads as the argument says at once: GFLOP/s of
// nabla's own register tiles with their operands in the caches (float32, and pairs of bfloat16 where the processor has such
// products; else 0), and GB/s of reading two arrays and writing a third, for some sizes of all three together. The best of
// some rounds, as JSON.
#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "gemm.h"
#include "matmul_half.h"

using namespace nabla::NABLA_ISA;
using nabla::HalfBlock;

static void* room(size_t bytes) {
  void* p = aligned_alloc(64, (bytes + 63) / 64 * 64);
  std::fill((char*)p, (char*)p + bytes, 0);
  return p;
}

// Seconds of a round of all threads together; the least of some rounds.
static double least_seconds(int threads, const std::function<std::function<void()>()>& make) {
  std::vector<std::function<void()>> work;
  for (int t = 0; t < threads; t++) work.push_back(make());
  double best = 1e9;
  for (int r = 0; r < 12; r++) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> pool;
    for (int t = 1; t < threads; t++) pool.emplace_back(work[t]);
    work[0]();
    for (auto& t : pool) t.join();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

// A strip of rows by a block that is laid out: nothing is packed, and all of it stays in L2.
static double tile(int threads, int64_t m, int64_t n, int64_t k) {
  const int rounds = (int)(4e8 / (double)(m * n * k)) + 1;
  const double seconds = least_seconds(threads, [=] {
    float* const a = (float*)room(4 * m * k);
    float* const b = (float*)room(4 * k * n);
    float* const laid = (float*)room(4 * gemm_laid_reals(n, k));
    float* const c = (float*)room(4 * m * n);
    void* const scratch = room(gemm_scratch_bytes(m, n, k));
    for (int64_t i = 0; i < m * k; i++) a[i] = 1 + (float)(i % 7);
    for (int64_t i = 0; i < k * n; i++) b[i] = 1 + (float)(i % 5);
    gemm_lay(b, n, 1, n, k, laid);
    return [=] {
      for (int i = 0; i < rounds; i++) gemm({a, laid, c, m, n, k, 1, m, 0, 0, n, false, nullptr, true}, scratch);
    };
  });
  return 2e-9 * (double)(m * n * k) * rounds * threads / seconds;
}

static double tile_of_pairs(int threads, int64_t m, int64_t n, int64_t k) {
  if (!bf16_here()) return 0;
  const int rounds = (int)(8e8 / (double)(m * n * k)) + 1;
  const double seconds = least_seconds(threads, [=] {
    uint16_t* const a = (uint16_t*)room(2 * m * k);
    uint16_t* const b = (uint16_t*)room(2 * n * k);
    float* const c = (float*)room(4 * m * n);
    void* const panels = room((size_t)bf16_panel_bytes(n, k));
    void* const rows = room(4 * (size_t)(m + 16) * (size_t)(k + 2));
    std::fill(a, a + m * k, 0x3f80), std::fill(b, b + n * k, 0x3f80);
    const HalfBlock g = {a, b, c, m, n, k, k, 1, n, 1, false};
    bf16_pack(g, panels);
    return [=] {
      for (int i = 0; i < rounds; i++) bf16_sums(g, panels, rows);
    };
  });
  return 2e-9 * (double)(m * n * k) * rounds * threads / seconds;
}

static double moving(int threads, double bytes) {
  const int64_t n = (int64_t)(bytes / 12 / threads);
  const int rounds = (int)(1e8 / bytes) + 1;
  const double seconds = least_seconds(threads, [=] {
    float* const a = (float*)room(4 * n);
    float* const b = (float*)room(4 * n);
    float* const c = (float*)room(4 * n);
    return [=] {
      for (int r = 0; r < rounds; r++) {
        for (int64_t i = 0; i + VW <= n; i += VW) store(c + i, load(a + i) + load(b + i));
        asm volatile("" ::: "memory");
      }
    };
  });
  return 1e-9 * bytes * rounds / seconds;
}

int main(int, char** argv) {
  const int threads = atoi(argv[1]);
  double best = 0, pairs = 0;
  // Rows of whole register tiles: of 14 rows, or of 6, 4 or 12.
  constexpr int64_t strip = VW == 16 ? 14 : 12;
  for (const int64_t k : {256, 512, 1024})
    for (const int64_t m : {strip, 2 * strip, 4 * strip}) {
      best = std::max(best, tile(threads, m, 64, k));
      pairs = std::max(pairs, tile_of_pairs(threads, m, 256, k));
    }
  printf("{\"float32\": %.1f, \"bfloat16\": %.1f, \"moving\": [", best, pairs);
  const char* comma = "";
  for (const double mb : {0.75, 8.0, 384.0})
    printf("%s[%.0f, %.2f]", comma, mb * 1048576, moving(threads, mb * 1048576)), comma = ", ";
  printf("]}\n");
}
