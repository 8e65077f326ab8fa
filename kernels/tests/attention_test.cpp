// test: core args=160 args-slow=30 threads
// Attention by tiles, forward and backward, against plain loops in double over random sizes, strides, masks, groups of heads
// and dropped weights, with one thread and several; what validation rejects.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core.h"

using namespace nabla;

static int failures = 0;
static std::string where;
static void fail(const std::string& what) {
  if (failures++ < 20) printf("FAIL %s: %s\n", where.c_str(), what.c_str());
}

static const float NONE = -std::numeric_limits<float>::infinity();

// Numbers of four axes, laid in any order of them; axes that repeat have strides of 0.
template <class T>
struct Array {
  Words extent, strides = Words(4);
  int32_t offset;
  std::vector<T> data;
  template <class F>
  Array(Random& r, const Words& e, int repeat, F value) : extent(e), offset(r.below(4)) {
    Words order = {0, 1, 2, 3};
    if (r.one_in(2)) std::shuffle(order.begin(), order.end(), r.engine);
    int32_t n = 1;
    for (size_t k = 4; k-- > 0;) {
      const size_t axis = (size_t)order[k];
      if (repeat && r.one_in(repeat)) continue;
      strides[axis] = n, n *= e[axis];
    }
    for (int32_t i = 0; i < offset + n; i++) data.push_back(value());
  }
  T& at(int64_t a, int64_t b, int64_t c, int64_t d) {
    return data[(size_t)(offset + a * strides[0] + b * strides[1] + c * strides[2] + d * strides[3])];
  }
  Words words(Program& p) const { return Words{p.slot_of(data), offset} + strides; }
};

// Philox4x32-10, word by word.
static uint32_t random_word(const int32_t* state, uint64_t index) {
  uint32_t x[4] = {(uint32_t)(index >> 2), (uint32_t)(index >> 34), (uint32_t)state[2], 0}, k0 = (uint32_t)state[0], k1 = (uint32_t)state[1];
  for (int i = 0; i < 10; i++, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) {
    const uint64_t p = (uint64_t)x[0] * 0xd2511f53u, q = (uint64_t)x[2] * 0xcd9e8d57u;
    const uint32_t y[4] = {(uint32_t)(q >> 32) ^ x[1] ^ k0, (uint32_t)q, (uint32_t)(p >> 32) ^ x[3] ^ k1, (uint32_t)p};
    memcpy(x, y, sizeof x);
  }
  return x[index & 3];
}

struct Case {
  int32_t B, H, G, L, S, E, D;
  bool causal;
  float scale, kept;
  int32_t mask, threshold, state[3];
};

struct Runner {
  std::vector<Core> cores_here;
  std::vector<Pool*> pools;  // of 1, 2 and 3 threads
  // Runs on every instruction set and number of threads; compares floats in slots with what is wanted. Twice the same bits;
  // `any_threads`: whatever the number of threads.
  void check(const Program& p, const std::vector<std::pair<int32_t, std::vector<double>>>& want, bool any_threads) {
    for (const Core& core : cores_here) {
      std::vector<Memory> first;
      for (Pool* pool : pools) {
        if (!any_threads) first.clear();
        for (int twice = 0; twice < 2; twice++) {
          std::vector<Memory> slots = p.slots;
          const Outcome o = execute(core, p.words(), slots, pool);
          const std::string name = std::string(core.name) + ", " + std::to_string(pool_threads(pool)) + " threads: ";
          if (o.info.error) return fail(name + o.info.error + " at word " + std::to_string(o.info.at));
          for (const auto& [slot, w] : want)
            for (size_t i = 0; i < w.size(); i++) {
              const double g = slots[(size_t)slot].f()[i];
              if (g == w[i] || std::fabs(g - w[i]) <= 2e-5 * (1 + std::fabs(w[i]))) continue;
              return fail(name + "slot " + std::to_string(slot) + ", element " + std::to_string(i) + " is " + std::to_string(g) + ", not " + std::to_string(w[i]));
            }
          if (first.empty()) first = slots;
          for (size_t s = 0; s < slots.size(); s++)
            if (memcmp(first[s].p, slots[s].p, slots[s].bytes)) return fail(name + "other bits than before");
        }
      }
    }
  }
};

// What is nowhere written would be seen.
static int32_t unwritten(Program& p, size_t numbers) { return p.slot_of(std::vector<float>(numbers, std::nanf(""))); }

static void one(Random& r, const Case& c, Runner& runner, int fill) {
  const auto number = [&]() { return r.number(); };
  Array<float> q(r, {c.B, c.H, c.L, c.E}, r.one_in(8) ? 4 : 0, number), k(r, {c.B, c.G, c.S, c.E}, r.one_in(8) ? 4 : 0, number);
  Array<float> v(r, {c.B, c.G, c.S, c.D}, r.one_in(8) ? 4 : 0, number), ct(r, {c.B, c.H, c.L, c.D}, r.one_in(8) ? 4 : 0, number);
  // fill: 0 few hidden, 1 most, 2 by -1e9, 3 whole rows by -1e9 or -inf, 4 numbers that are added
  const float hides = fill == 2 || (fill == 3 && r.one_in(2)) ? -1e9f : NONE;
  Array<float> added(r, {c.B, c.H, c.L, c.S}, 3, [&]() {
    if (fill == 4) return 3 * r.number();
    return r.one_in(fill == 1 ? 2 : 5) ? hides : fill == 2 ? 0.0f : r.number();
  });
  Array<uint8_t> there(r, {c.B, c.H, c.L, c.S}, 3, [&]() { return (uint8_t)!r.one_in(fill == 1 ? 2 : 5); });
  if (fill == 3)
    for (int32_t b = 0; b < c.B; b++)
      for (int32_t i = 0; i < c.L; i += r.in(1, 3))
        for (int32_t h = 0; h < c.H; h++)
          for (int32_t j = 0; j < c.S; j++) added.at(b, h, i, j) = hides, there.at(b, h, i, j) = 0;

  const size_t rows = (size_t)c.B * (size_t)c.H * (size_t)c.L;
  std::vector<double> out(rows * (size_t)c.D), saved(rows * 2), dq(rows * (size_t)c.E);
  const size_t keys = (size_t)c.B * (size_t)c.G * (size_t)c.S;
  std::vector<double> dk(keys * (size_t)c.E), dv(keys * (size_t)c.D), p((size_t)c.S), stays((size_t)c.S);
  std::vector<float> saved_floats, deltas;
  for (int32_t b = 0; b < c.B; b++)
    for (int32_t h = 0; h < c.H; h++)
      for (int32_t i = 0; i < c.L; i++) {
        const int32_t g = h / (c.H / c.G);
        const size_t row = ((size_t)b * (size_t)c.H + (size_t)h) * (size_t)c.L + (size_t)i;
        const size_t turned = ((size_t)b * (size_t)c.L + (size_t)i) * (size_t)c.H + (size_t)h;
        const auto key = [&](int32_t j) { return ((size_t)b * (size_t)c.S + (size_t)j) * (size_t)c.G + (size_t)g; };
        float top = NONE;
        for (int32_t j = 0; j < c.S; j++) {
          double dot = 0;
          for (int32_t e = 0; e < c.E; e++) dot += (double)q.at(b, h, i, e) * k.at(b, g, j, e);
          // Rounded as floats are: beside -1e9 nothing is left of a score.
          float x = (float)(dot * c.scale);
          if (c.mask == F32) x = added.at(b, h, i, j) == NONE ? NONE : x + added.at(b, h, i, j);
          if ((c.mask == BOOL && !there.at(b, h, i, j)) || (c.causal && j > i)) x = NONE;
          p[(size_t)j] = x, top = std::max(top, x);
          const uint32_t word = random_word(c.state, row * (uint64_t)c.S + (uint64_t)j);
          stays[(size_t)j] = c.threshold == 0 ? 1 : (int32_t)(word >> 8) >= c.threshold ? c.kept : 0;
        }
        double sum = 0, delta = 0;
        for (double& x : p) sum += x = top == NONE ? 0 : std::exp(x - top);
        for (double& x : p) x = sum > 0 ? x / sum : 0;
        for (int32_t d = 0; d < c.D; d++) {
          double y = 0;
          for (int32_t j = 0; j < c.S; j++) {
            const double w = p[(size_t)j] * stays[(size_t)j];
            y += w * v.at(b, g, j, d);
            dv[key(j) * (size_t)c.D + (size_t)d] += w * ct.at(b, h, i, d);
          }
          out[turned * (size_t)c.D + (size_t)d] = y, delta += y * ct.at(b, h, i, d);
        }
        saved[2 * row] = top, saved[2 * row + 1] = sum > 0 ? std::log(sum) : NONE;
        saved_floats.push_back(top), saved_floats.push_back((float)saved[2 * row + 1]), deltas.push_back((float)delta);
        for (int32_t j = 0; j < c.S; j++) {
          double along = 0;
          for (int32_t d = 0; d < c.D; d++) along += (double)ct.at(b, h, i, d) * v.at(b, g, j, d);
          const double ds = p[(size_t)j] * (along * stays[(size_t)j] - delta) * c.scale;
          for (int32_t e = 0; e < c.E; e++) {
            dq[turned * (size_t)c.E + (size_t)e] += ds * k.at(b, g, j, e);
            dk[key(j) * (size_t)c.E + (size_t)e] += ds * q.at(b, h, i, e);
          }
        }
      }

  const auto form = [&](Program& program) {
    const Words none = {-1, 0, 0, 0, 0, 0};
    return Words{F32, c.B, c.H, c.G, c.L, c.S, c.E, c.D, c.causal, bits_of(c.scale), c.mask, c.threshold, bits_of(c.kept)} +
           q.words(program) + k.words(program) + v.words(program) +
           (c.mask == F32 ? added.words(program) : c.mask == BOOL ? there.words(program) : none) +
           (c.threshold ? Words{program.slot_of(std::vector<int32_t>(c.state, c.state + 3)), 0} : Words{-1, 0});
  };
  {
    Program program;
    const Words head = form(program);
    const int32_t y = unwritten(program, out.size()), s = r.one_in(4) ? -1 : unwritten(program, saved.size());
    program.add(OP_ATTENTION, head + Words{y, 0, s, 0});
    std::vector<std::pair<int32_t, std::vector<double>>> want = {{y, out}};
    if (s >= 0) want.push_back({s, saved});
    runner.check(program, want, true);
  }
  {
    Program program;
    const Words head = form(program) + ct.words(program) + Words{program.slot_of(saved_floats), 0, c.H * c.L * 2, c.L * 2, 2, 1} +
                       Words{program.slot_of(deltas), 0, c.H * c.L, c.L, 1, 1};
    const int32_t a = unwritten(program, dq.size()), b = unwritten(program, dk.size()), d = unwritten(program, dv.size());
    program.add(OP_ATTENTION_BACK, head + Words{a, 0, b, 0, d, 0});
    // Sums over blocks of keys are divided among the threads.
    runner.check(program, {{a, dq}, {b, dk}, {d, dv}}, false);
  }
}

// A small valid program with one word changed is rejected.
static void rejects(const Runner& runner) {
  Program p;
  const int32_t q = p.slot(4 * 4), k = p.slot(4 * 6), v = p.slot(4 * 6), out = p.slot(4 * 4);
  const Words good = {F32, 1, 2, 1, 1, 3, 2, 2, 0, bits_of(1), -1, 0, bits_of(1), q, 0, 4, 2, 2, 1, k, 0, 6, 6, 2, 1, v, 0, 6, 6, 2, 1, -1, 0, 0, 0, 0, 0, -1, 0, out, 0, -1, 0};
  const auto error = [&](size_t at, int32_t value) {
    Program changed = p;
    Words w = good;
    w[at] = value;
    changed.add(OP_ATTENTION, w);
    std::vector<Memory> slots = changed.slots;
    return execute(runner.cores_here[0], changed.words(), slots, nullptr).info.error != nullptr;
  };
  where = "rejects";
  if (error(0, F32)) fail("a valid program is rejected");
  const int32_t wrong[][2] = {{0, I32}, {1, 2}, {1, -1}, {2, 4}, {3, 0}, {3, 3}, {4, 2}, {5, 4}, {6, 3}, {7, 3}, {8, 2}, {10, F32}, {10, 7}, {11, 1},
                              {11, (1 << 24) + 1}, {13, 9}, {13, -1}, {14, 1}, {16, 3}, {19, q}, {31, q}, {39, q}, {39, k}, {39, -1}, {40, 1}, {41, out}};
  for (const auto& w : wrong)
    if (!error((size_t)w[0], w[1])) fail("word " + std::to_string(w[0]) + " may be " + std::to_string(w[1]));
}

int main(int argc, char** argv) {
  const int count = argc > 1 ? atoi(argv[1]) : 160;
  const uint32_t seed = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;
  Runner runner;
  for (const Core& core : cores())
    if (!core.codegen) runner.cores_here.push_back(core);
  for (int t = 1; t <= 3; t++) runner.pools.push_back(pool_create(t));
  static const int32_t lengths[] = {0, 1, 1, 2, 3, 7, 16, 17, 55, 56, 57, 60, 61, 64, 65, 120, 127, 128, 129, 140, 257};
  static const int32_t widths[] = {0, 1, 2, 3, 5, 8, 16, 17, 33, 64, 65};
  const auto of = [](Random& r, const auto& list) { return list[(size_t)r.below((int32_t)(sizeof list / sizeof *list))]; };
  for (int i = 0; i < count; i++) {
    Random r(seed + (uint32_t)i);
    Case c;
    do {
      c.B = r.one_in(15) ? 0 : r.in(1, 3), c.G = r.in(1, 3), c.H = c.G * r.in(1, 3);
      c.L = of(r, lengths), c.S = r.one_in(3) ? c.L : of(r, lengths), c.E = of(r, widths), c.D = r.one_in(2) ? c.E : of(r, widths);
    } while ((double)c.B * c.H * c.L * c.S * (c.E + c.D + 8) > (r.one_in(4) ? 6e6 : 6e5));
    c.causal = r.one_in(3), c.scale = 1 / std::sqrt((float)std::max(c.E, 1)) * (r.one_in(4) ? 3 : 1);
    static const int32_t masks[] = {-1, F32, F32, BOOL};
    c.mask = of(r, masks);
    c.threshold = r.one_in(3) ? (r.one_in(6) ? 1 << 24 : r.in(1, (1 << 24) - 1)) : 0;
    c.kept = c.threshold && c.threshold < (1 << 23) ? 1 / (1 - (float)c.threshold / (1 << 24)) : 1;
    for (int32_t& word : c.state) word = (int32_t)r.engine();
    where = "seed " + std::to_string(seed + (uint32_t)i) + " (b " + std::to_string(c.B) + ", h " + std::to_string(c.H) + ", g " + std::to_string(c.G) + ", l " +
            std::to_string(c.L) + ", s " + std::to_string(c.S) + ", e " + std::to_string(c.E) + ", d " + std::to_string(c.D) + ", mask " + std::to_string(c.mask) +
            (c.causal ? ", causal" : "") + (c.threshold ? ", dropout" : "") + ")";
    one(r, c, runner, r.below(5));
  }
  rejects(runner);
  for (Pool* pool : runner.pools) pool_destroy(pool);
  printf(failures ? "%d failures\n" : "attention: all agree\n", failures);
  return failures != 0;
}
