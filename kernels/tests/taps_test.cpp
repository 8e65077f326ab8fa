// test: core args=200 args-slow=40 threads
// TAPS and TAPS_BACK against plain loops in double: with places left out, without weights, rows of one number and of many; the
// same bits with one thread and several; an infinity reaches what reads it and nothing else; what a run and validation reject.
#include <cmath>
#include <string>

#include "core.h"

using namespace nabla;

static int failures = 0;
static std::string where;
static void fail(const std::string& what) {
  if (failures++ < 20) printf("FAIL %s: %s\n", where.c_str(), what.c_str());
}

struct Case {
  int32_t rows, n, m, inner, k;
  std::vector<int32_t> place;
};

struct Runner {
  std::vector<Core> list;
  std::vector<Pool*> pools;
};

template <class T>
static std::vector<T> numbers(Random& r, int64_t n) {
  std::vector<T> v((size_t)n);
  for (T& x : v) x = (T)r.number();
  return v;
}

template <class T>
static Program program_of(const Case& c, bool back, const std::vector<T>& from, const std::vector<T>* weight, int32_t* out) {
  Program p;
  Words w = {sizeof(T) == 4 ? F32 : F64, c.rows, c.n, c.m, c.inner, c.k, p.slot_of(c.place), 0};
  w = w + (weight ? Words{p.slot_of(*weight), 0} : Words{-1, 0}) + Words{p.slot_of(from), 0};
  *out = p.slot((size_t)c.rows * (size_t)(back ? c.n : c.m) * (size_t)c.inner * sizeof(T));
  p.add(back ? OP_TAPS_BACK : OP_TAPS, w + Words{*out, 0, 7});
  return p;
}

template <class T>
static void one(Random& r, const Case& c, const Runner& runner) {
  const std::vector<T> weights = numbers<T>(r, (int64_t)c.k * c.m);
  for (const bool back : {false, true})
    for (const bool weighted : {false, true}) {
      std::vector<T> from = numbers<T>(r, (int64_t)c.rows * (back ? c.m : c.n) * c.inner);
      if (!from.empty() && r.one_in(2)) from[(size_t)r.below((int32_t)from.size())] = (T)INFINITY;
      std::vector<double> want((size_t)c.rows * (size_t)(back ? c.n : c.m) * (size_t)c.inner), size(want.size());
      for (int32_t j = 0; j < c.k * c.m; j++) {
        const int32_t p = c.place[(size_t)j];
        if (p < 0) continue;
        for (int32_t row = 0; row < c.rows; row++)
          for (int32_t f = 0; f < c.inner; f++) {
            const size_t x = ((size_t)row * (size_t)c.n + (size_t)p) * (size_t)c.inner + (size_t)f;
            const size_t y = ((size_t)row * (size_t)c.m + (size_t)(j % c.m)) * (size_t)c.inner + (size_t)f;
            const double v = (weighted ? (double)weights[(size_t)j] : 1) * (double)from[back ? y : x];
            want[back ? x : y] += v, size[back ? x : y] += std::isfinite(v) ? std::fabs(v) : 0;
          }
      }
      int32_t out;
      const Program p = program_of(c, back, from, weighted ? &weights : nullptr, &out);
      for (const Core& core : runner.list) {
        std::vector<char> first;
        for (Pool* pool : runner.pools) {
          std::vector<Memory> slots = p.slots;
          const Outcome o = execute(core, p.words(), slots, pool);
          if (o.info.error) return fail(std::string(core.name) + ": " + o.info.error);
          if (o.status.fault) return fail(std::string(core.name) + ": a fault");
          const Memory& m = slots[(size_t)out];
          const T* y = (const T*)m.p;
          for (size_t i = 0; i < want.size(); i++) {
            const double got = (double)y[i];
            const bool same = std::isfinite(want[i]) ? std::fabs(got - want[i]) <= (sizeof(T) == 4 ? 1e-6 : 1e-15) * (size[i] + 1) * 4
                                                     : std::isnan(want[i]) ? std::isnan(got) : got == want[i];
            if (!same) {
              fail(std::string(core.name) + (back ? " back" : "") + ": number " + std::to_string(i) + " is " + std::to_string(got) + ", not " + std::to_string(want[i]));
              break;
            }
          }
          const std::vector<char> bits(m.p, m.p + m.bytes);
          if (first.empty()) first = bits;
          else if (first != bits) fail(std::string(core.name) + ": other bits with several threads");
        }
      }
    }
}

static void rejects(const Runner& runner) {
  where = "rejects";
  const std::vector<float> x = {1, 2, 3, 4, 5, 6}, weight = {1, 1, 1, 1};
  for (const bool back : {false, true}) {
    const auto status = [&](const std::vector<int32_t>& place, size_t at, int32_t value) {
      Program p;
      Words w = {F32, 1, 3, 2, 2, 2, p.slot_of(place), 0, p.slot_of(weight), 0, p.slot_of(x), 0, p.slot(24), 0, 7};
      if (at < w.size()) w[at] = value;
      p.add(back ? OP_TAPS_BACK : OP_TAPS, w);
      std::vector<Memory> slots = p.slots;
      return execute(runner.list[0], p.words(), slots, nullptr);
    };
    const size_t none = 99;
    const auto ran = [&](const std::vector<int32_t>& place) {
      const Outcome o = status(place, none, 0);
      return !o.info.error && o.status.fault == OK;
    };
    if (!ran({0, 2, -1, 1})) fail("places are refused");
    if (ran({0, 3, -1, 1}) || ran({0, 2, -2, 1})) fail("a place that is none is run");
    const int32_t wrong[][2] = {{0, I32}, {0, F64}, {1, 2}, {2, 4}, {3, 4}, {4, 4}, {5, 3}, {5, -1}, {6, 99}, {7, 1}, {9, 1}, {11, 3}, {12, -1}, {13, 4}};
    for (const auto& word : wrong)
      if (!status({0, 2, -1, 1}, (size_t)word[0], word[1]).info.error) fail("word " + std::to_string(word[0]) + " may be " + std::to_string(word[1]));
    if (!status({0, 2, -1, 1}, 12, 2).info.error) fail("the result may lie over an operand");
  }
}

int main(int argc, char** argv) {
  const int count = argc > 1 ? atoi(argv[1]) : 200;
  const uint32_t seed = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;
  Runner runner;
  for (const Core& core : cores())
    if (!core.codegen) runner.list.push_back(core);
  for (int t = 1; t <= 3; t++) runner.pools.push_back(pool_create(t));
  static const int32_t widths[] = {1, 1, 1, 2, 3, 7, 16, 17, 33, 100, 600};
  for (int i = 0; i < count; i++) {
    Random r(seed + (uint32_t)i);
    Case c = {r.one_in(12) ? 0 : r.in(1, r.one_in(6) ? 200 : 9), r.one_in(12) ? 0 : r.in(1, 20), r.one_in(12) ? 0 : r.in(1, 40), 0, r.below(6), {}};
    c.inner = r.one_in(12) ? 0 : widths[r.below((int32_t)(sizeof widths / 4))];
    const bool gaps = r.one_in(3);
    for (int32_t j = 0; j < c.k * c.m; j++) c.place.push_back(!c.n || (gaps && r.one_in(3)) ? -1 : r.below(c.n));
    where = "seed " + std::to_string(seed + (uint32_t)i);
    if (r.one_in(2)) one<float>(r, c, runner);
    else one<double>(r, c, runner);
  }
  rejects(runner);
  for (Pool* pool : runner.pools) pool_destroy(pool);
  printf(failures ? "%d failures\n" : "taps: all agree\n", failures);
  return failures != 0;
}
