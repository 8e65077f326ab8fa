// test: core args=300 args-slow=60 threads
// SPMM and SDDMM against plain loops in double over random matrices: with empty rows, elements that are there twice, one row
// with nearly all of them, values in another order and none; the same bits with one thread and several; what a run and what
// validation rejects.
#include <algorithm>
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
  int32_t rows, cols, features;
  std::vector<int32_t> pointer, column, order;
};

static Case matrix(Random& r, int32_t rows, int32_t cols, int32_t features, int32_t count) {
  Case c = {rows, cols, features, {}, {}, {}};
  if (!rows || !cols) count = 0;
  std::vector<int32_t> row;
  const bool hub = r.one_in(4);
  for (int32_t j = 0; j < count; j++) {
    row.push_back(hub && !r.one_in(10) ? rows / 2 : r.below(rows));
    c.column.push_back(r.below(cols));
    c.order.push_back(j);
  }
  std::sort(row.begin(), row.end());
  std::shuffle(c.order.begin(), c.order.end(), r.engine);
  for (int32_t i = 0; i <= rows; i++) c.pointer.push_back((int32_t)(std::lower_bound(row.begin(), row.end(), i) - row.begin()));
  return c;
}
template <class T>
static std::vector<T> numbers(Random& r, int64_t n) {
  std::vector<T> v((size_t)n);
  for (T& x : v) x = (T)r.number();
  return v;
}

struct Runner {
  std::vector<Core> list;
  std::vector<Pool*> pools;
  // The slot of the result after a run, on every instruction set and with every number of threads; the bits of one set agree.
  template <class T>
  void run(const Program& p, int32_t out, const std::vector<double>& want, const std::vector<double>& size) {
    for (const Core& core : list) {
      std::vector<char> first;
      for (Pool* pool : pools) {
        std::vector<Memory> slots = p.slots;
        const Outcome o = execute(core, p.words(), slots, pool);
        if (o.info.error) return fail(std::string(core.name) + ": " + o.info.error);
        if (o.status.fault) return fail(std::string(core.name) + ": a fault");
        const Memory& m = slots[(size_t)out];
        const T* y = (const T*)m.p;
        for (size_t i = 0; i < want.size(); i++)
          if (!(std::fabs((double)y[i] - want[i]) <= (sizeof(T) == 4 ? 1e-6 : 1e-15) * (size[i] + 1) * 4)) {
            fail(std::string(core.name) + ": number " + std::to_string(i) + " is " + std::to_string(y[i]) + ", not " + std::to_string(want[i]));
            break;
          }
        const std::vector<char> bits(m.p, m.p + m.bytes);
        if (first.empty()) first = bits;
        else if (first != bits) fail(std::string(core.name) + ": other bits with several threads");
      }
    }
  }
};

template <class T>
static void one(Random& r, const Case& c, Runner& runner) {
  const int32_t d = sizeof(T) == 4 ? F32 : F64, count = (int32_t)c.column.size();
  const size_t f = (size_t)c.features;
  const std::vector<T> a = numbers<T>(r, (int64_t)c.rows * c.features), b = numbers<T>(r, (int64_t)c.cols * c.features), values = numbers<T>(r, count);
  for (int form = 0; form < 3; form++) {  // ones, values, values in another order
    Program p;
    std::vector<double> want((size_t)c.rows * f), size(want.size());
    for (int32_t i = 0; i < c.rows; i++)
      for (int32_t j = c.pointer[(size_t)i]; j < c.pointer[(size_t)i + 1]; j++)
        for (size_t k = 0; k < f; k++) {
          const double v = form == 0 ? 1 : (double)values[(size_t)(form == 1 ? j : c.order[(size_t)j])];
          const double x = v * (double)b[(size_t)c.column[(size_t)j] * f + k];
          want[(size_t)i * f + k] += x, size[(size_t)i * f + k] += std::fabs(x);
        }
    Words w = {d, c.rows, c.cols, count, c.features};
    for (const auto* list : {&c.pointer, &c.column}) w = w + Words{p.slot_of(*list), 0};
    w = w + (form ? Words{p.slot_of(values), 0} : Words{-1, 0}) + (form == 2 ? Words{p.slot_of(c.order), 0} : Words{-1, 0});
    w = w + Words{p.slot_of(b), 0};
    const int32_t out = p.slot(want.size() * sizeof(T));
    p.add(OP_SPMM, w + Words{out, 0, 0});
    runner.run<T>(p, out, want, size);
  }
  Program p;
  std::vector<double> want((size_t)count), size(want.size());
  for (int32_t i = 0; i < c.rows; i++)
    for (int32_t j = c.pointer[(size_t)i]; j < c.pointer[(size_t)i + 1]; j++)
      for (size_t k = 0; k < f; k++) {
        const double x = (double)a[(size_t)i * f + k] * (double)b[(size_t)c.column[(size_t)j] * f + k];
        want[(size_t)j] += x, size[(size_t)j] += std::fabs(x);
      }
  Words w = {d, c.rows, c.cols, count, c.features};
  for (const auto* list : {&c.pointer, &c.column}) w = w + Words{p.slot_of(*list), 0};
  for (const auto* list : {&a, &b}) w = w + Words{p.slot_of(*list), 0};
  const int32_t out = p.slot(want.size() * sizeof(T));
  p.add(OP_SDDMM, w + Words{out, 0, 0});
  runner.run<T>(p, out, want, size);
}

// What no matrix is becomes a fault of the run, before anything is written; words that are none are not valid.
static void rejects(const Runner& runner) {
  where = "rejects";
  const std::vector<int32_t> pointer = {0, 2, 2, 3}, column = {0, 3, 1}, order = {2, 0, 1};
  const std::vector<float> values = {1, 2, 3}, x(8), y(6);
  const auto status = [&](bool products, const std::vector<int32_t>& p, const std::vector<int32_t>& c, const std::vector<int32_t>& o, size_t at, int32_t value) {
    Program program;
    Words w = Words{F32, 3, 4, 3, 2, program.slot_of(p), 0, program.slot_of(c), 0};
    if (products) w = w + Words{program.slot_of(y), 0, program.slot_of(x), 0, program.slot(12), 0, 7};
    else w = w + Words{program.slot_of(values), 0, program.slot_of(o), 0, program.slot_of(x), 0, program.slot(24), 0, 7};
    if (at < w.size()) w[at] = value;
    program.add(products ? OP_SDDMM : OP_SPMM, w);
    std::vector<Memory> slots = program.slots;
    return execute(runner.list[0], program.words(), slots, nullptr);
  };
  const size_t none = 99;
  for (const bool products : {false, true}) {
    const auto ran = [&](const std::vector<int32_t>& p, const std::vector<int32_t>& c, const std::vector<int32_t>& o) {
      const Outcome out = status(products, p, c, o, none, 0);
      return !out.info.error && out.status.fault == OK;
    };
    if (!ran(pointer, column, order)) fail("a matrix is refused");
    for (const auto& p : std::vector<std::vector<int32_t>>{{1, 2, 2, 3}, {0, 2, 1, 3}, {0, 2, 2, 2}, {0, 2, 2, 4}, {0, 4, 4, 3}, {0, -1, 2, 3}, {-1, 2, 2, 3}})
      if (ran(p, column, order)) fail("pointers that are none are run");
    for (const auto& c : std::vector<std::vector<int32_t>>{{0, 4, 1}, {-1, 3, 1}})
      if (ran(pointer, c, order)) fail("a column that is none is run");
    if (!products)
      for (const auto& o : std::vector<std::vector<int32_t>>{{3, 0, 1}, {0, -1, 1}})
        if (ran(pointer, column, o)) fail("an order that is none is run");
    const auto valid = [&](size_t at, int32_t value) { return !status(products, pointer, column, order, at, value).info.error; };
    const int32_t wrong[][2] = {{0, I32}, {0, F64}, {1, 4}, {1, -1}, {2, 5}, {3, 4}, {3, -1}, {4, 3}, {4, -1}, {5, 99}, {5, -1}, {7, -1}, {6, 1}, {8, 1}};
    for (const auto& word : wrong)
      if (valid((size_t)word[0], word[1])) fail("word " + std::to_string(word[0]) + " may be " + std::to_string(word[1]));
    // The result must lie apart from what is read.
    if (valid(products ? 13 : 15, products ? 2 : 4)) fail("the result may lie over an operand");
  }
}

int main(int argc, char** argv) {
  const int count = argc > 1 ? atoi(argv[1]) : 300;
  const uint32_t seed = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;
  Runner runner;
  for (const Core& core : cores())
    if (!core.codegen) runner.list.push_back(core);
  for (int t = 1; t <= 3; t++) runner.pools.push_back(pool_create(t));
  static const int32_t widths[] = {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 48, 63, 64, 65, 100, 127, 128, 129, 200, 300};
  for (int i = 0; i < count; i++) {
    Random r(seed + (uint32_t)i);
    const bool large = r.one_in(6);
    const int32_t rows = r.one_in(12) ? 0 : r.in(1, large ? 500 : 12), cols = r.one_in(12) ? 0 : r.in(1, large ? 500 : 12);
    const int32_t features = widths[r.below((int32_t)(sizeof widths / 4))], elements = r.one_in(10) ? 0 : r.in(0, large ? 4000 : 60);
    const Case c = matrix(r, rows, cols, features, elements);
    where = "seed " + std::to_string(seed + (uint32_t)i) + " (" + std::to_string(rows) + " x " + std::to_string(cols) + ", " + std::to_string(c.column.size()) +
            " elements, " + std::to_string(features) + " features)";
    if (r.one_in(2)) one<float>(r, c, runner);
    else one<double>(r, c, runner);
  }
  rejects(runner);
  for (Pool* pool : runner.pools) pool_destroy(pool);
  printf(failures ? "%d failures\n" : "sparse products: all agree\n", failures);
  return failures != 0;
}
