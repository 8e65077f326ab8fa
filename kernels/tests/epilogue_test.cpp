// test: core args=4
// Products and convolutions with an epilogue against these and then the kernel by itself: the same bits, but for sums of several rows.
// The argument is the time to spend in seconds; a second one is the first seed, to repeat a failure.
#include <chrono>
#include <cmath>

#include "maker.h"

namespace {

// Extents by which a product goes each way: small, of one row or column, with many zeros, in several blocks, by exchanged sides.
struct Shape {
  int32_t batch, m, n, k;
};
Shape shape_of(Random& r) {
  switch (r.below(7)) {
    case 0: return {1, r.in(1, 20), r.in(1, 32), r.in(0, 12)};
    case 1: return r.one_in(2) ? Shape{r.in(1, 3), 1, r.in(1, 700), r.in(1, 40)} : Shape{r.in(1, 3), r.in(1, 700), 1, r.in(1, 40)};
    case 2: return {1, r.in(32, 150), r.in(64, 200), r.in(200, 400)};
    case 3: return {1, r.in(100, 260), r.in(1000, 1100), r.in(3, 9)};
    case 4: return {1, r.in(1, 40), r.in(30, 70), r.in(900, 1300)};
    case 5: return {1, r.in(16, 40), r.in(100, 300), r.in(16, 64)};
    default: return {r.in(1, 4), r.in(1, 60), r.in(1, 90), r.in(1, 50)};
  }
}

// Geometries by which a convolution goes each way: flat copies, Winograd's transforms, images as lanes, products, plain loops.
struct Conv {
  int32_t n, c, o, groups, in[2], kernel, stride, pad;
  int32_t out(int a) const { return (in[a] + 2 * pad - kernel) / stride + 1; }
};
Conv conv_of(Random& r) {
  const int32_t groups = r.in(1, 2);
  switch (r.below(6)) {
    case 0: return {r.in(1, 3), r.in(1, 4) * groups, r.in(1, 20) * groups, groups, {r.in(9, 30), r.in(5, 40)}, r.in(1, 5), r.in(1, 2), r.in(0, 2)};
    case 1: return {r.in(1, 3), r.in(8, 20), r.in(8, 40), 1, {r.in(6, 20), r.in(6, 20)}, 3, 1, r.in(0, 1)};
    case 2: return {1, r.in(8, 12), r.in(8, 12), 1, {r.in(4, 8), r.in(130, 300)}, 3, 1, 1};
    case 3: return {r.in(16, 70), r.in(1, 6) * groups, r.in(1, 20) * groups, groups, {r.in(4, 8), r.in(4, 8)}, r.in(1, 3), r.in(1, 2), r.in(0, 1)};
    case 4: return {r.in(1, 4), r.in(30, 70), r.in(20, 50), 1, {r.in(3, 6), r.in(3, 6)}, 3, 2, 1};
    default: return {r.in(1, 2), groups, groups * r.in(1, 3), groups, {r.in(1, 4), r.in(1, 4)}, 1, 1, r.in(0, 1)};
  }
}

template <class T>
bool same(const Memory& a, const Memory& b, bool summed) {
  for (size_t i = 0; i < a.bytes / sizeof(T); i++) {
    const T x = ((T*)a.p)[i], y = ((T*)b.p)[i];
    if (!memcmp(&x, &y, sizeof x) || (x != x && y != y)) continue;
    if (!summed || (std::isfinite(x * y) && !(std::fabs(x - y) <= 1e-5 * (std::fabs(x) + std::fabs(y)) + 1e-4))) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? atof(argv[1]) : 3;
  uint32_t seed = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;
  const bool once = argc > 2;
  const std::vector<Core> list = cores();
  Pool* const pool = pool_create(2);
  const auto start = std::chrono::steady_clock::now();
  int bad = 0, runs = 0, with_code = 0;
  for (; bad < 10; seed++) {
    const double spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (spent > seconds && (runs >= 200 || spent > 20 * seconds)) break;
    Random r(seed);
    Maker maker(r);
    maker.usual = r.one_in(2), maker.shared_slot = false;
    static const int32_t types[] = {F32, F32, F32, F64, F16, BF16};
    const bool convolves = r.one_in(2);
    const int32_t d = types[r.below(convolves ? 4 : 6)], w = DTYPE_BYTES[d], to = w == 2 && r.one_in(2) ? (int32_t)F32 : d;
    const Conv g = conv_of(r);
    const int32_t places = g.out(0) * g.out(1), taps = g.kernel * g.kernel;
    const Shape s = shape_of(r);
    const int32_t a_cs = r.one_in(3) ? s.m : 1, b_cs = r.one_in(3) ? s.k : 1;
    const int64_t sizes[3] = {convolves ? (int64_t)g.n * g.c * g.in[0] * g.in[1] : (int64_t)s.batch * s.m * s.k,
                              convolves ? (int64_t)g.o * (g.c / g.groups) * taps : (int64_t)s.batch * s.k * s.n,
                              convolves ? (int64_t)g.n * g.o * places : (int64_t)s.batch * s.m * s.n};
    const Words a = maker.room(sizes[0], w), b = maker.room(sizes[1], w), c = maker.room(sizes[2], DTYPE_BYTES[to]),
                bias = maker.maybe(convolves ? g.o : s.n, DTYPE_BYTES[to]);
    const size_t given = maker.wanted.size();
    Words own = Words{d, to, 1, s.batch, s.m, s.n, s.k} + a + Words{a_cs == 1 ? s.k : 1, a_cs, s.m * s.k} + b +
                      Words{b_cs == 1 ? s.n : 1, b_cs, s.k * s.n} + c + Words{s.n, s.m * s.n} + bias;
    if (convolves)
      own = Words{d, g.n, g.c, g.o, g.groups, 1, g.in[0], g.in[1], 1, g.out(0), g.out(1), 1, g.kernel, g.kernel, 1, g.stride, g.stride,
                  1, 1, 1, 0, g.pad, g.pad} + a + b + c + bias;
    const Words end = convolves ? maker.epilogue({d, g.n * g.o, places, d, c}) : maker.epilogue({d == F64 ? F64 : F32, s.batch * s.m, s.n, to, c});
    const Opcode op = convolves ? OP_CONV : OP_MATMUL;
    for (size_t bytes : maker.wanted) maker.program.slot(bytes);
    const float zeros = r.one_in(2) ? 0.7f : 0;
    for (size_t i = 0; i < maker.program.slots.size(); i++) {
      Memory& m = maker.program.slots[i];
      const auto value = [&] { return i < given && std::fabs(r.number()) < zeros ? 0 : r.number(); };
      // What the kernel reads beside may be of any type: small integers are numbers of each.
      if (i < given && w == 2) {
        for (size_t j = 0; j < m.bytes / 2; j++) ((uint16_t*)m.p)[j] = d == BF16 ? (uint16_t)((uint32_t)bits_of(value()) >> 16) : (uint16_t)r.in(0x3000, 0x3c00);
      } else if (i < given && w == 8) {
        for (size_t j = 0; j < m.bytes / 8; j++) ((double*)m.p)[j] = (double)value();
      } else if (i < given || r.one_in(2)) {
        for (size_t j = 0; j < m.bytes / 4; j++) m.f()[j] = value();
      } else
        for (size_t j = 0; j < m.bytes; j++) m.b()[j] = (uint8_t)r.below(2);
    }
    Program together, apart;
    together.slots = apart.slots = maker.program.slots;
    together.add(op, own + end);
    apart.add(op, own);
    apart.add(OP_FUSED, Words(end.begin() + 2, end.end()));
    const Core& core = list[seed % list.size()];
    Pool* const used = seed % 3 ? nullptr : pool;
    std::vector<Memory> want = apart.slots, got = together.slots;
    const Outcome o = execute(core, apart.words(), want, used), t = execute(core, together.words(), got, used);
    if (o.info.error || t.info.error) {
      printf("FAIL seed %u: rejected: %s, %s at word %d\n", seed, o.info.error ? o.info.error : "-", t.info.error ? t.info.error : "-", (int)t.info.at), bad++;
      if (once) break;
      continue;
    }
    runs++, with_code += t.info.code != nullptr;
    for (size_t i = 0; i < got.size(); i++) {
      const bool equal = d == F64 ? same<double>(want[i], got[i], maker.summed) : same<float>(want[i], got[i], maker.summed);
      if (equal || !memcmp(want[i].p, got[i].p, got[i].bytes)) continue;
      if (convolves) printf("FAIL %s, seed %u: %d images, %d to %d channels of %dx%d, dtype %d: slot %d differs\n", core.name, seed, g.n, g.c, g.o, g.in[0], g.in[1], d, (int)i), bad++;
      else printf("FAIL %s, seed %u: %d of %dx%dx%d, dtype %d to %d: slot %d differs\n", core.name, seed, s.batch, s.m, s.n, s.k, d, to, (int)i), bad++;
      break;
    }
    if (once) break;
  }
  printf("%d products and convolutions with epilogues, %d of them with machine code\n", runs, with_code);
  if (!once && runs < 200) printf("FAIL: too few\n"), bad++;
  pool_destroy(pool);
  return bad != 0;
}
