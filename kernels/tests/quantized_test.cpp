// test: core args=400 args-slow=60 threads
// Products with codes of 4, 8 and 16 bits against plain loops in double over random sizes, groups, zero points and rows of
// all magnitudes, with one thread and several; the same bits on every instruction set; what validation rejects.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "../quantized.h"
#include "core.h"

using namespace nabla;

static int failures = 0;
static std::string where;
static void fail(const std::string& what) {
  if (failures++ < 20) printf("FAIL %s: %s\n", where.c_str(), what.c_str());
}

struct Case {
  int32_t bits, m, n, k, group;
  bool zeros, bias;
};

struct Runner {
  std::vector<Core> cores_here;
  std::vector<Pool*> pools;
};

// What the kernel makes of the numbers of a group.
static void rounded(const float* x, int32_t count, double* to) {
  double top = 0;
  bool finite = true;
  for (int32_t i = 0; i < count; i++) finite &= std::isfinite(x[i]), top = std::max(top, (double)std::fabs(x[i]));
  double above = std::ldexp(1, -99);
  while (finite && above <= top) above *= 2;
  const double unit = above / 32768;
  for (int32_t i = 0; i < count; i++)
    to[i] = finite ? std::max(-32767.0, std::min(32767.0, std::nearbyint(x[i] / unit))) * unit : std::nan("");
}

static void one(Random& r, const Case& c, const Runner& runner) {
  const int32_t per = 32 / c.bits, words = (c.k + per - 1) / per, panels = (c.n + 31) / 32, groups = c.group ? (c.k + c.group - 1) / c.group : 0;
  Program p;
  std::vector<float> x((size_t)(c.m * c.k)), scales((size_t)(panels * groups * 32)), bias((size_t)c.n);
  std::vector<uint8_t> zeros(scales.size());
  std::vector<uint32_t> codes((size_t)(panels * words * 32));
  const int kind = r.below(6);
  for (float& v : x) {
    v = r.number();
    if (kind == 0) v = std::ldexp(v, r.in(-149, 120));
    if (kind == 1 && r.one_in(5)) v = 0;
    if (kind == 2) v = (float)r.in(-3, 3) * 0.5f;  // ties
    if (kind == 3 && r.one_in(200)) v = r.one_in(2) ? std::numeric_limits<float>::infinity() : std::nanf("");
  }
  for (float& v : scales) v = r.number() * 0.01f;
  for (float& v : bias) v = r.number();
  for (uint8_t& z : zeros) z = (uint8_t)r.below(1 << std::min(c.bits, 8));
  for (uint32_t& w : codes) {
    w = (uint32_t)r.engine();
    if (c.bits == 16)  // numbers of usual sizes
      w = (__builtin_bit_cast(uint32_t, r.number()) >> 16) | (__builtin_bit_cast(uint32_t, r.number()) & 0xffff0000u);
  }
  const int32_t xs = p.slot_of(x), ws = p.slot_of(codes), ss = c.bits < 16 ? p.slot_of(scales) : -1, zs = c.zeros ? p.slot_of(zeros) : -1;
  const int32_t os = p.slot_of(std::vector<float>((size_t)(c.m * c.n), std::nanf(""))), bs = c.bias ? p.slot_of(bias) : -1;
  p.add(OP_QUANTIZED, Words{F32, c.bits, c.m, c.n, c.k, c.group, xs, 0, ws, 0, ss, 0, zs, 0, os, 0, bs, 0});

  std::vector<double> want((size_t)(c.m * c.n)), size(want.size()), row((size_t)c.k);
  for (int32_t i = 0; i < c.m; i++) {
    const float* from = x.data() + (size_t)i * (size_t)c.k;
    if (c.bits == 16) std::copy(from, from + c.k, row.begin());
    else
      for (int32_t g = 0; g < groups; g++) rounded(from + g * c.group, std::min(c.group, c.k - g * c.group), row.data() + g * c.group);
    for (int32_t j = 0; j < c.n; j++) {
      double sum = 0, all = 0;
      for (int32_t q = 0; q < c.k; q++) {
        const uint32_t w = codes[(size_t)(((j / 32) * words + q / per) * 32 + j % 32)];
        double weight;
        if (c.bits == 16) weight = __builtin_bit_cast(float, q % 2 ? w & 0xffff0000u : w << 16);
        else {
          const size_t at = (size_t)((j / 32 * groups + q / c.group) * 32 + j % 32);
          const int32_t zero = c.zeros ? zeros[at] : 1 << (c.bits - 1);
          weight = (double)((int32_t)(w >> (c.bits * (q % per)) & ((1u << c.bits) - 1)) - zero) * scales[at];
        }
        sum += row[(size_t)q] * weight, all += std::fabs(row[(size_t)q] * weight);
      }
      if (c.bias) sum += bias[(size_t)j], all += std::fabs(bias[(size_t)j]);
      want[(size_t)(i * c.n + j)] = sum, size[(size_t)(i * c.n + j)] = all;
    }
  }
  for (const Core& core : runner.cores_here) {
    std::vector<Memory> first;
    for (Pool* pool : runner.pools) {
      std::vector<Memory> slots = p.slots;
      const Outcome o = execute(core, p.words(), slots, pool);
      const std::string name = std::string(core.name) + ", " + std::to_string(pool_threads(pool)) + " threads: ";
      if (o.info.error) return fail(name + o.info.error + " at word " + std::to_string(o.info.at));
      for (size_t i = 0; i < want.size(); i++) {
        const double g = slots[(size_t)os].f()[i], w = want[i];
        if (g == w || (std::isnan(w) && std::isnan(g)) || std::fabs(g - w) <= 1e-6 * size[i] + 1e-42) continue;
        return fail(name + "element " + std::to_string(i) + " is " + std::to_string(g) + ", not " + std::to_string(w));
      }
      if (first.empty()) first = slots;
      for (size_t s = 0; s < slots.size(); s++)
        if (memcmp(first[s].p, slots[s].p, slots[s].bytes)) return fail(name + "other bits than with one thread");
    }
  }
}

// A small valid program with one word changed is rejected.
static void rejects(const Runner& runner) {
  Program p;
  const int32_t x = p.slot(4 * 2 * 9), w = p.slot(3 * 128), s = p.slot(4 * 2 * 32), z = p.slot(2 * 32), out = p.slot(4 * 2 * 3), half = p.slot(5 * 128);
  const auto error = [&](Words words, size_t at, int32_t value) {
    Program changed = p;
    words[at] = value;
    changed.add(OP_QUANTIZED, words);
    std::vector<Memory> slots = changed.slots;
    return execute(runner.cores_here[0], changed.words(), slots, nullptr).info.error != nullptr;
  };
  const Words good = {F32, 8, 2, 3, 9, 8, x, 0, w, 0, s, 0, z, 0, out, 0, -1, 0};
  const Words wide = {F32, 16, 2, 3, 9, 0, x, 0, half, 0, -1, 0, -1, 0, out, 0, -1, 0};
  where = "rejects";
  if (error(good, 0, F32) || error(wide, 0, F32)) fail("a valid program is rejected");
  if (error(good, 12, -1) || error(good, 1, 4)) fail("a valid program is rejected");
  const int32_t wrong[][2] = {{0, I32}, {0, F64}, {1, 16}, {1, 2}, {1, 0}, {2, 3}, {2, -1}, {3, 33}, {3, 4}, {4, 13}, {4, 17}, {5, 0}, {5, 4}, {5, 12}, {5, 264}, {6, out}, {7, 1},
                              {9, 1}, {10, -1}, {11, 1}, {13, 1}, {14, x}, {14, w}, {14, s}, {14, -1}, {15, 1}, {16, 9}, {16, out}};
  for (const auto& c : wrong)
    if (!error(good, (size_t)c[0], c[1])) fail("word " + std::to_string(c[0]) + " may be " + std::to_string(c[1]));
  const int32_t also[][2] = {{5, 8}, {4, 11}, {9, 1}, {10, s}, {12, z}};
  for (const auto& c : also)
    if (!error(wide, (size_t)c[0], c[1])) fail("of bfloat16, word " + std::to_string(c[0]) + " may be " + std::to_string(c[1]));
}

int main(int argc, char** argv) {
  const int count = argc > 1 ? atoi(argv[1]) : 400;
  const uint32_t seed = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;
  Runner runner;
  for (const Core& core : cores())
    if (!core.codegen) runner.cores_here.push_back(core);
  for (int t = 1; t <= 3; t++) runner.pools.push_back(pool_create(t));
  static const int32_t sizes[] = {0, 1, 2, 3, 7, 8, 9, 16, 31, 32, 33, 63, 64, 65, 100, 256, 300, 700};
  static const int32_t rows[] = {0, 1, 1, 1, 2, 3, 4, 5, 7, 9, 12, 13, 17, 18, 63, 64, 65, 70, 77};
  const auto of = [](Random& r, const auto& list) { return list[(size_t)r.below((int32_t)(sizeof list / sizeof *list))]; };
  for (int i = 0; i < count; i++) {
    Random r(seed + (uint32_t)i);
    Case c;
    c.bits = 4 << r.below(3);
    do c.m = of(r, rows), c.n = of(r, sizes), c.k = of(r, sizes);
    while ((double)c.m * c.n * c.k > (r.one_in(5) ? 3e6 : 2e5));
    c.group = c.bits == 16 ? 0 : r.one_in(3) ? 256 : 8 * r.in(1, 32);
    c.zeros = c.bits < 16 && r.one_in(2), c.bias = r.one_in(2);
    where = "seed " + std::to_string(seed + (uint32_t)i) + " (" + std::to_string(c.bits) + " bits, m " + std::to_string(c.m) + ", n " + std::to_string(c.n) + ", k " +
            std::to_string(c.k) + ", group " + std::to_string(c.group) + (c.zeros ? ", zeros" : "") + (c.bias ? ", bias" : "") + ")";
    one(r, c, runner);
  }
  rejects(runner);
  for (Pool* pool : runner.pools) pool_destroy(pool);
  printf(failures ? "%d failures\n" : "quantized: all agree\n", failures);
  return failures != 0;
}
