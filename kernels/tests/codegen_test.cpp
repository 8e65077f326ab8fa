// test: core args=6
// Machine code against the interpreter, on random fused kernels: the same bits, but for sums over rows of more than 2048
// and over several rows, whose order differs.
// The argument is the time to spend in seconds; a second one is the first seed, to repeat a failure.
#include <chrono>
#include <cmath>

#include "maker.h"

// The first word of a slot that differs, or -1. `wide`: sums are of doubles.
static int64_t difference(const Memory& a, const Memory& b, bool summed, bool wide) {
  if (summed && wide) {
    for (size_t i = 0; i < a.bytes / 8; i++) {
      const double x = ((double*)a.p)[i], y = ((double*)b.p)[i];
      if (!memcmp(&x, &y, 8) || (x != x && y != y) || !std::isfinite(x * y)) continue;
      if (!(std::fabs(x - y) <= 1e-12 * (std::fabs(x) + std::fabs(y)) + 1e-10)) return (int64_t)(2 * i);
    }
    return -1;
  }
  for (size_t i = 0; i < a.bytes / 4; i++) {
    const float x = a.f()[i], y = b.f()[i];
    if (a.i()[i] == b.i()[i] || (x != x && y != y)) continue;
    if (summed && !std::isfinite(x * y)) continue;  // products that overflow on one way
    if (!summed || !(std::fabs(x - y) <= 1e-4f * (std::fabs(x) + std::fabs(y)) + 1e-3f)) return (int64_t)i;
  }
  for (size_t i = a.bytes / 4 * 4; i < a.bytes; i++)
    if (a.b()[i] != b.b()[i]) return (int64_t)i / 4;
  return -1;
}

// Rows whose tiles lie further apart than an instruction can say are the interpreter's.
static bool refuses_far_tiles(const Core& core) {
  Program p;
  const int32_t x = p.slot(4), y = p.slot(4), cols = 50'000'000;
  p.add(OP_FUSED, {F32, 0, 1, cols, 1, 3, 4, 1, FULL, ROW, FULL, FULL, x, F32, 0, 0, 0, F_RSUMF, 1, 0, 0, 0, 0, F_MULF, 2, 0, 0, 0, 0,
                   F_ADDF, 3, 2, 0, 0, 0, y, F32, 0, 0, 0, ADD, 3});
  const Words words = p.words();
  ProgramInfo info;
  if (!core.validate(words.data(), (int64_t)words.size(), 1, &info)) return false;
  info.code = core.codegen(words.data(), &info);
  core.codegen_free(info.code, &info);
  return info.code == nullptr;
}

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? atof(argv[1]) : 3;
  uint32_t seed = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;
  const bool once = argc > 2;
  // Each core with machine code follows the same without.
  const std::vector<Core> list = cores();
  std::vector<const Core*> able;
  for (const Core& core : list)
    if (core.codegen) able.push_back(&core);
  if (able.empty()) {
    printf("no machine code for this processor\n");
    return 0;
  }
  Pool* pool = pool_create(2);
  const auto start = std::chrono::steady_clock::now();
  int kernels[2] = {}, with_code[2] = {}, wide_open = 0, bad = 0;
  for (; bad < 10; seed++) {
    const double spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    // A busy machine gets longer for the least number that says something.
    if (spent > seconds && (std::min(kernels[0], kernels[1]) >= 100 || spent > 20 * seconds)) break;
    const Core* const compiled = able[seed % able.size()];
    const Core* const interpreted = compiled - 1;
    Random r(seed);
    Maker maker(r);
    maker.usual = true, maker.special = r.one_in(2);
    maker.longest = r.one_in(8) ? 500 : 128;  // rows of more than 2048, whose sums the interpreter halves
    maker.fused();
    maker.bind();
    const Words words = maker.program.words();
    const auto value = [&] { return maker.special && !maker.summed && maker.longest == 128 ? r.special() : (float)r.in(-9, 9) / 4; };
    for (Memory& m : maker.program.slots) {
      if (maker.wide)
        for (size_t i = 0; i < m.bytes / 8; i++) ((double*)m.p)[i] = (double)value() * (r.one_in(3) ? 1.0 / 3 : 1);
      else
        for (size_t i = 0; i < m.bytes / 4; i++) m.f()[i] = value();
    }
    std::vector<Memory> want = maker.program.slots, got = maker.program.slots;
    const Outcome o = execute(*interpreted, words, want, nullptr);
    if (o.info.error) {
      printf("FAIL seed %u: rejected: %s at word %d\n", seed, o.info.error, (int)o.info.at), bad++;
      continue;
    }
    const Outcome c = execute(*compiled, words, got, seed % 3 ? pool : nullptr);
    kernels[maker.wide]++, with_code[maker.wide] += c.info.code != nullptr;
    wide_open += c.streams > 9;
    for (size_t s = 0; s < got.size() && c.info.code; s++) {
      const int64_t at = difference(want[s], got[s], maker.summed || maker.longest > 128, maker.wide);
      if (at < 0) continue;
      printf("FAIL %s, seed %u, lanes of %d bits: slot %d, word %d: %g (%08x) by the interpreter, %g (%08x) by the code\n", compiled->name, seed,
             maker.wide ? 64 : 32, (int)s, (int)at,
             want[s].f()[at], want[s].i()[at], got[s].f()[at], got[s].i()[at]);
      bad++;
      break;
    }
    if (once) break;
  }
  for (int wide = 0; wide < 2; wide++) {
    printf("%d kernels of %d bits, %d of them compiled\n", kernels[wide], 32 << wide, with_code[wide]);
    if (!once && (kernels[wide] < 100 || with_code[wide] < kernels[wide] / 4)) printf("FAIL: too few\n"), bad++;
  }
  printf("%d of them with more memory than there are registers\n", wide_open);
  if (!once && wide_open < 3) printf("FAIL: too few\n"), bad++;
  for (const Core* core : able)
    if (!refuses_far_tiles(*core)) printf("FAIL %s: far tiles\n", core->name), bad++;
  pool_destroy(pool);
  return bad != 0;
}
