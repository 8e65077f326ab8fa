// test: core args=2 args-slow=4
// Random valid programs, and the same with words changed: each is rejected with an error or runs without
// leaving its slots, whose ends the address sanitizer watches.
// The argument is the time to spend in seconds; a second one is the first seed, to repeat a failure.
#include <chrono>

#include "core.h"

using namespace nabla;

static const int32_t top = INT32_MAX, bottom = INT32_MIN;

// An instruction under construction: random extents, operands somewhere in slots that just hold them.
struct Maker {
  Program program;
  Random& r;
  bool shared_slot;  // operands of the instruction are parts of one slot, else each has its own
  explicit Maker(Random& random) : r(random), shared_slot(random.one_in(3)) {}

  std::vector<size_t> wanted;  // bytes, of the slots
  int32_t extent() { return r.one_in(15) ? 0 : r.one_in(12) ? r.in(17, 70) : r.in(1, 6); }
  int32_t dtype() { return r.below(3); }
  // {slot, offset} of room for so many elements.
  Words room(int64_t elements, int width) {
    if (wanted.empty() || !shared_slot) wanted.push_back(0);
    size_t& end = wanted.back();
    const size_t gap = (size_t)r.below(3) * 4, start = (end + 3) / 4 * 4 + gap;
    end = start + (size_t)elements * (size_t)width;
    return {(int32_t)wanted.size() - 1, (int32_t)(start / (size_t)width)};
  }
  Words maybe(int64_t elements) { return r.one_in(2) ? Words{-1, 0} : room(elements, 4); }
  // An operand with strides for the extents: dense, permuted, turned round, or (not for outputs) repeating.
  Words strided(const Words& e, int width, bool output, Words* strides) {
    Words order(e.size());
    for (size_t i = 0; i < e.size(); i++) order[i] = (int32_t)i;
    for (size_t i = 0; i < e.size(); i++) std::swap(order[i], order[(size_t)r.below((int32_t)e.size())]);
    strides->assign(e.size(), 0);
    int64_t span = 1, back = 0;
    for (int32_t i : order) {
      if (!output && r.one_in(5)) continue;
      (*strides)[(size_t)i] = (int32_t)span;
      if (r.one_in(6) && e[(size_t)i] > 0) back += span * (e[(size_t)i] - 1), (*strides)[(size_t)i] = -(int32_t)span;
      span *= e[(size_t)i] ? e[(size_t)i] : 1;
    }
    Words ref = room(span, width);
    ref[1] += (int32_t)back;
    return ref;
  }

  void copy() {
    const int32_t d = dtype(), mode = d == BOOL ? 0 : r.below(2), rank = r.in(0, 5);
    Words e, s, o;
    for (int i = 0; i < rank; i++) e.push_back(extent());
    const int w = d == BOOL ? 1 : 4;
    const Words from = strided(e, w, false, &s), to = strided(e, w, mode == SET, &o);
    program.add(OP_COPY, Words{d, mode, rank} + e + from + s + to + o);
  }
  void fill() {
    const int32_t d = dtype(), n = extent();
    program.add(OP_FILL, Words{d, n, (int32_t)r.engine()} + room(n, d == BOOL ? 1 : 4));
  }
  void matmul() {
    const int32_t rank = r.in(0, 2), m = extent(), n = extent(), k = extent();
    Words batch;
    for (int i = 0; i < rank; i++) batch.push_back(r.in(0, 3));
    Words sa, sb, sc;
    const Words a = strided(Words{m, k} + batch, 4, false, &sa), b = strided(Words{k, n} + batch, 4, false, &sb);
    int64_t out = (int64_t)m * n;
    sc = {n};
    for (int32_t x : batch) sc.push_back((int32_t)out), out *= x;
    const Words c = room(out, 4);
    program.add(OP_MATMUL, Words{rank} + batch + Words{m, n, k, r.below(2)} + a + sa + b + sb + c + sc + maybe(n));
  }
  void take_or_put(bool put) {
    const int32_t d = dtype(), outer = extent(), n = extent(), inner = extent(), count = extent();
    const int w = d == BOOL ? 1 : 4;
    const Words big = room((int64_t)outer * n * inner, w), index = room(count, 4), part = room((int64_t)outer * count * inner, w);
    const Words size = {outer, n, inner, count};
    if (put) program.add(OP_PUT, Words{d, d == BOOL ? 3 : r.below(5)} + size + index + part + big + Words{1});
    else program.add(OP_TAKE, Words{d} + size + big + index + part + Words{1});
  }
  void gather_or_scatter(bool scatter) {
    const int32_t d = dtype(), rank = r.in(1, 4), axis = r.below(rank);
    const int w = d == BOOL ? 1 : 4;
    Words full, part;
    int64_t nf = 1, np = 1;
    for (int i = 0; i < rank; i++) {
      full.push_back(extent()), part.push_back(i == axis ? extent() : r.in(0, full.back()));
      nf *= full.back(), np *= part.back();
    }
    const Words big = room(nf, w), index = room(np, 4), small = room(np, w);
    if (scatter) program.add(OP_SCATTER, Words{d, d == BOOL ? 4 : r.below(5), rank, axis} + full + part + index + small + big + Words{1});
    else program.add(OP_GATHER, Words{d, rank, axis} + full + part + big + index + small + Words{1});
  }
  void order() {
    const int32_t d = dtype(), outer = extent(), n = extent(), inner = extent(), all = outer * n * inner;
    const int w = d == BOOL ? 1 : 4;
    const int32_t fn = d == BOOL ? r.in(2, 5) : r.below(6), one = n ? n : 1;
    switch (r.below(4)) {
      case 0: {
        const Words x = room((int64_t)outer * one * inner, w);
        return program.add(OP_ARGREDUCE, Words{d, r.below(2), outer, one, inner} + x + room((int64_t)outer * inner, 4));
      }
      case 1: {
        const Words x = room(all, w);
        return program.add(OP_SCAN, Words{d, fn, outer, n, inner} + x + room(all, fn > 3 ? 4 : w));
      }
      case 2: {
        const Words x = room((int64_t)outer * n, w);
        return program.add(OP_ARGSORT, Words{d, r.below(2), outer, n} + x + room((int64_t)outer * n, 4));
      }
      default: {
        const Words x = room((int64_t)outer * n, w), v = room((int64_t)outer * inner, w);
        return program.add(OP_SEARCHSORTED, Words{d, r.below(2), outer, n, inner} + x + v + room((int64_t)outer * inner, 4));
      }
    }
  }
  // kernel, stride, dilation, pad of three axes, with the extents of both sides before them.
  Words window(int64_t* in, int64_t* out, int64_t* taps) {
    Words x, y, k, s, d, p;
    *in = *out = *taps = 1;
    for (int i = 0; i < 3; i++) {
      const bool plain = i == 0 && !r.one_in(4);
      k.push_back(plain ? 1 : r.in(1, 3)), s.push_back(plain ? 1 : r.in(1, 3)), d.push_back(plain ? 1 : r.in(1, 2));
      p.push_back(plain ? 0 : r.below(3)), y.push_back(plain ? 1 : r.in(r.one_in(20) ? 0 : 1, 5));
      // Most often the extent that belongs to it, and sometimes any.
      const int32_t fits = (y[i] - 1) * s[i] + d[i] * (k[i] - 1) + 1 - 2 * p[i];
      x.push_back(plain ? 1 : r.one_in(6) || fits < 1 ? r.in(0, 6) : fits);
      *in *= x[i], *out *= y[i], *taps *= k[i];
    }
    return x + y + k + s + d + p;
  }
  void convolve() {
    int64_t in, out, taps;
    const Words w = window(&in, &out, &taps);
    const int32_t groups = r.in(1, 2), n = r.in(0, 3), c = groups * r.in(1, 3), o = groups * r.in(1, 3);
    const Words x = room(n * c * in, 4), weight = room(o * (c / groups) * taps, 4), y = room(n * o * out, 4);
    const Words head = Words{n, c, o, groups} + w;
    switch (r.below(3)) {
      case 0: return program.add(OP_CONV, head + x + weight + y + maybe(o));
      case 1: return program.add(OP_CONV_INPUT, head + y + weight + x);
      default: return program.add(OP_CONV_WEIGHT, head + y + x + weight);
    }
  }
  void pool() {
    int64_t in, out, taps;
    const Words w = window(&in, &out, &taps);
    const int32_t planes = r.in(0, 5);
    const Words x = room(planes * in, 4), y = room(planes * out, 4);
    switch (r.below(4)) {
      case 0: return program.add(OP_MAX_POOL, Words{planes} + w + x + y + maybe(planes * out));
      case 1: return program.add(OP_SUM_POOL, Words{planes} + w + x + y);
      case 2: return program.add(OP_SUM_POOL_INPUT, Words{planes} + w + y + x);
      default:
        return program.add(OP_MAX_POOL_INPUT, Words{planes, (int32_t)out, (int32_t)in} + y + room(planes * out, 4) + x + Words{1});
    }
  }

  void recurrent(bool back) {
    static const int gates[] = {1, 1, 4, 3}, keeps[] = {1, 1, 6, 5}, gives[] = {1, 1, 5, 5};
    const int32_t cell = r.below(4), steps = r.in(0, 4), h = extent();
    const bool lstm = cell == LSTM_CELL;
    Words size;
    int32_t rows = 0, now = r.in(0, 9), first = steps ? now : 0;
    for (int i = 0; i < steps; i++) size.push_back(now), rows += now, now = r.one_in(2) ? now : r.in(0, now);
    Words w = Words{cell, r.below(2), steps, h} + size;
    if (back) {
      w = w + room((int64_t)rows * keeps[cell] * h, 4) + room((int64_t)rows * h, 4);
      if (lstm) w = w + maybe((int64_t)rows * h);
    } else {
      w = w + room((int64_t)rows * gates[cell] * h, 4);
    }
    w = w + room((int64_t)gates[cell] * h * h, 4) + room((int64_t)first * h, 4);
    if (lstm) w = w + room((int64_t)first * h, 4);
    if (!back && cell == GRU_CELL) w = w + maybe(h);
    w = w + room((int64_t)rows * (back ? gives : keeps)[cell] * h, 4);
    program.add(back ? OP_RECURRENT_BACK : OP_RECURRENT, w);
  }

  // A fused kernel of random operations. Registers of the three kinds of lane are kept apart, as a backend does.
  void fused() {
    const int32_t outer = r.in(0, 3), rows = extent(), cols = r.one_in(4) ? r.in(100, 700) : extent();
    Words extents, space;
    for (int i = 0; i < outer; i++) extents.push_back(r.in(0, 3));
    space = extents + Words{rows, cols};
    enum Kind { FLOAT, INT, MASK };
    struct Reg {
      Kind kind;
      int32_t cls;
    };
    std::vector<Reg> regs;
    Words in, ins, out;
    const int32_t inputs = r.in(1, 4);
    for (int i = 0; i < inputs; i++) {
      const int32_t d = dtype(), cls = r.one_in(4) ? r.in(ROW, SCALAR) : FULL;
      const bool iota = r.one_in(6);
      Words e = space, strides;
      if (cls >= ROW) e.back() = 1;
      if (cls == SCALAR) e.assign(e.size(), 1);
      Words ref = strided(e, d == BOOL ? 1 : 4, false, &strides);
      for (size_t j = 0; j < e.size(); j++)
        if (e[j] != space[j]) strides[j] = 0;
      if (iota) ref[0] = -1;
      const int32_t type = iota ? (int32_t)I32 : d;
      in = in + Words{ref[0], type, ref[1]} + strides;
      regs.push_back({type == F32 ? FLOAT : type == I32 ? INT : MASK, cls});
    }
    auto pick = [&](Kind kind) {  // a register of that kind, or -1
      for (int tries = 0; tries < 12; tries++) {
        const int32_t i = r.below((int32_t)regs.size());
        if (regs[(size_t)i].kind == kind) return i;
      }
      return -1;
    };
    int32_t count = 0;
    for (int tries = r.in(1, 25); tries > 0 && regs.size() < 40; tries--) {
      int32_t op = r.in(F_CONST, F_FNMAF), imm = 0, cls = SCALAR;
      Kind result = FLOAT, operand = FLOAT;
      int operands = 1;
      if (op == F_CONST) operands = 0, imm = bits_of(r.special());
      else if (op == F_MOV) result = operand = (Kind)r.below(3);
      else if (op <= F_COPYSIGNF) operands = 2;
      else if (op == F_FMAF || op == F_FMSF || op == F_FNMAF) operands = 3;
      else if (op == F_RDOTF) operands = 2;
      else if (op <= F_TRUNCF) operands = 1;
      else if (op <= F_ISFINITEF) result = MASK;
      else if (op <= F_GEF) operands = 2, result = MASK;
      else if (op <= F_MAXI || op == F_POWI || op == F_SHRI) operands = 2, result = operand = INT;
      else if (op <= F_SQUAREI) result = operand = INT;
      else if (op <= F_GEI) operands = 2, operand = INT, result = MASK;
      else if (op <= F_XOR) operands = 2, result = operand = (Kind)r.in(INT, MASK);
      else if (op == F_NOT) result = operand = (Kind)r.in(INT, MASK);
      else if (op == F_WHERE) operands = 3;
      else if (op == F_FTOI) result = INT;
      else if (op == F_ITOF) operand = INT;
      else if (op == F_BTOF) operand = MASK;
      else if (op == F_BTOI) operand = MASK, result = INT;
      else if (op == F_FTOB) result = MASK;
      else if (op == F_ITOB) operand = INT, result = MASK;
      else if (op == F_RAND || op == F_CHECK) continue;
      else if (op <= F_RMINF) result = operand = FLOAT;
      else if (op <= F_RMINI) result = operand = INT;
      else result = operand = MASK;
      int32_t use[3] = {0, 0, 0};
      bool found = true;
      for (int i = 0; i < operands; i++) {
        use[i] = pick(op == F_WHERE && i == 0 ? MASK : operand);
        if (use[i] < 0) found = false;
        else if (regs[(size_t)use[i]].cls < cls) cls = regs[(size_t)use[i]].cls;
      }
      if (!found) continue;
      if (op >= F_RSUMF && op <= F_RDOTF) {
        if (cls != FULL || (op == F_RDOTF && regs[(size_t)use[1]].cls + regs[(size_t)use[0]].cls != 2 * FULL)) continue;
        cls = ROW;
      }
      ins = ins + Words{op, (int32_t)regs.size(), use[0], use[1], use[2], imm};
      regs.push_back({result, cls});
      count++;
    }
    const int32_t outputs = r.in(1, 2);
    for (int i = 0; i < outputs; i++) {
      const int32_t reg = r.below((int32_t)regs.size());
      const Reg& g = regs[(size_t)reg];
      const int32_t d = g.kind == FLOAT ? F32 : g.kind == INT ? I32 : BOOL;
      const bool combine = d != BOOL && g.cls != SCALAR && r.one_in(3);
      Words e = space, strides;
      if (g.cls >= ROW) e.back() = 1;
      if (g.cls == SCALAR) e.assign(e.size(), 1);
      if (combine)
        for (size_t j = 0; j < e.size(); j++)
          if (r.one_in(2)) e[j] = 1;
      const Words ref = strided(e, d == BOOL ? 1 : 4, true, &strides);
      for (size_t j = 0; j < e.size(); j++)
        if (e[j] != space[j]) strides[j] = 0;
      out = out + Words{ref[0], d, ref[1]} + strides + Words{combine ? r.in(ADD, MIN) : (int32_t)SET, reg};
    }
    Words classes;
    for (const Reg& g : regs) classes.push_back(g.cls);
    program.add(OP_FUSED, Words{outer} + extents + Words{rows, cols, inputs, count, (int32_t)regs.size(), outputs} + classes + in + ins + out);
  }

  void instruction() {
    switch (r.below(13)) {
      case 12: return recurrent(r.one_in(2));
      case 0: return copy();
      case 1: return fill();
      case 2: return matmul();
      case 3: return take_or_put(false);
      case 4: return take_or_put(true);
      case 5: return gather_or_scatter(false);
      case 6: return gather_or_scatter(true);
      case 7: return order();
      case 8: return convolve();
      case 9: return pool();
      default: return fused();
    }
  }
  Program make() {
    for (int n = r.in(1, 3); n > 0; n--) {
      instruction();
      shared_slot = r.one_in(3);
    }
    for (size_t bytes : wanted) {
      const int32_t s = program.slot(bytes);
      for (size_t i = 0; i < bytes; i++) program.slots[(size_t)s].b()[i] = (uint8_t)(r.one_in(3) ? r.engine() : 0);
      // Small integers, so that most indices are in range.
      if (r.one_in(2))
        for (size_t i = 0; i < bytes / 4; i++) program.slots[(size_t)s].i()[i] = r.below(3);
    }
    return program;
  }
};

static void mutate(Random& r, Words& w) {
  static const int32_t values[] = {0, 1, -1, 2, 3, 4, 7, 8, 16, 100, 4096, 65535, 65536, 1 << 30, top, bottom, top - 1, bottom + 1};
  for (int n = r.in(1, 3); n > 0 && !w.empty(); n--) {
    // Mostly in the code: the header is soon explored.
    const int32_t size = (int32_t)w.size(), at = r.one_in(10) ? r.below(size) : size > 5 ? r.in(5, size - 1) : r.below(size);
    switch (r.below(9)) {
      case 0: w[(size_t)at] ^= 1 << r.below(32); break;
      case 1: w[(size_t)at] = values[r.below(sizeof values / 4)]; break;
      case 2: w[(size_t)at] = (int32_t)((uint32_t)w[(size_t)at] + 1); break;
      case 3: w[(size_t)at] = (int32_t)((uint32_t)w[(size_t)at] - 1); break;
      case 4: w[(size_t)at] = (int32_t)(0 - (uint32_t)w[(size_t)at]); break;
      case 5: w[(size_t)at] = w[(size_t)r.below(size)]; break;
      case 6: w[(size_t)at] = r.below(20); break;
      case 7: w.resize((size_t)at); break;
      default: w.insert(w.begin() + at, r.in(0, 5)); break;
    }
  }
  // So that what is behind the length is reached too.
  if (w.size() > 2 && !r.one_in(8)) w[2] = (int32_t)w.size();
}

// A valid program may take for ever, since strides may be 0: one with several large new words, which may be
// extents, is validated and not run.
static bool may_be_long(const Words& before, const Words& w) {
  double product = 1;
  for (size_t i = 5; i < w.size(); i++)
    if (w[i] > 300 && (before.size() != w.size() || before[i] != w[i])) product *= w[i];
  return product > 2e5;
}

// A host binds slots of the sizes that the program states; these slots may be too small for a changed one.
static bool slots_too_small(const Words& w, const std::vector<Memory>& slots) {
  if (w.size() < 5 || w[3] < 0 || w.size() < 5 + 2 * (size_t)w[3]) return false;  // will be rejected
  if ((size_t)w[3] > slots.size()) return true;
  for (size_t i = 0; i < (size_t)w[3]; i++)
    if ((uint32_t)w[5 + 2 * i] > slots[i].bytes || w[6 + 2 * i] != 0) return true;
  return false;
}

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? atof(argv[1]) : 3;
  uint32_t seed = argc > 2 ? (uint32_t)atoi(argv[2]) : 1;
  const bool once = argc > 2;
  const std::vector<Core> list = cores();
  Pool* pool = pool_create(2);
  const auto start = std::chrono::steady_clock::now();
  int64_t valid = 0, rejected = 0, accepted = 0, skipped = 0, bad = 0;
  for (;; seed++) {
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() > seconds) break;
    Random r(seed);
    Maker maker(r);
    const Program p = maker.make();
    const Core& core = list[seed % list.size()];
    Pool* used = seed % 3 ? nullptr : pool;
    const Words words = p.words();
    if (getenv("NABLA_FUZZ_VERBOSE")) fprintf(stderr, "seed %u\n", seed);
    // Slots that the program changed are used on, as a run's memory is.
    std::vector<Memory> slots = p.slots;
    const Outcome o = execute(core, words, slots, used);
    valid++;
    if (o.info.error && bad++ < 10)
      printf("FAIL seed %u: a valid program (opcode %d) is rejected: %s at word %d\n", seed, p.code[0], o.info.error, (int)o.info.at);
    for (int i = 0; i < 20; i++) {
      Words changed = words;
      mutate(r, changed);
      const bool lengthy = may_be_long(words, changed) || slots_too_small(changed, slots);
      const Outcome m = execute(core, changed, slots, used, lengthy);
      if (m.info.error) rejected++;
      else accepted++, skipped += lengthy;
      if (m.info.error && (m.info.at < 0 || m.info.at > (int64_t)changed.size()) && bad++ < 10)
        printf("FAIL seed %u: error at word %d\n", seed, (int)m.info.at);
    }
    if (once) break;
  }
  printf("%lld valid programs, %lld changed ones rejected, %lld accepted (%lld not run)\n", (long long)valid, (long long)rejected,
         (long long)accepted, (long long)skipped);
  if (!once && (valid < 100 || rejected < 1000 || accepted < 100)) printf("FAIL: too few programs\n"), bad++;
  pool_destroy(pool);
  return bad != 0;
}
