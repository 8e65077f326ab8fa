// Random valid programs, for tests of the whole core.
#pragma once
#include <algorithm>

#include "core.h"

using namespace nabla;

// An instruction under construction: random extents, operands somewhere in slots that just hold them.
struct Maker {
  Program program;
  Random& r;
  bool shared_slot;    // operands of the instruction are parts of one slot, else each has its own
  bool usual = false;  // fused kernels as backends write them: mostly dense, of what codegen.cpp knows, registers used again
  explicit Maker(Random& random) : r(random), shared_slot(random.one_in(3)) {}

  std::vector<size_t> wanted;  // bytes, of the slots
  int32_t extent() { return r.one_in(15) ? 0 : r.one_in(12) ? r.in(17, 70) : r.in(1, 6); }
  int32_t dtype() { return r.below(usual && !wide ? 3 : DTYPES); }
  int32_t number() {  // a dtype that is computed with
    const int32_t d = dtype();
    return d == F16 || d == BF16 ? F64 : d;
  }
  int32_t real() { return r.one_in(2) ? F32 : F64; }
  static bool only_moves(int32_t d) { return d == BOOL || d == F16 || d == BF16; }
  // {slot, offset} of room for so many elements.
  Words room(int64_t elements, int width) {
    if (wanted.empty() || !shared_slot) wanted.push_back(0);
    size_t& end = wanted.back();
    const size_t w = width < 4 ? 4 : (size_t)width, gap = (size_t)r.below(3) * w, start = (end + w - 1) / w * w + gap;
    end = start + (size_t)elements * (size_t)width;
    return {(int32_t)wanted.size() - 1, (int32_t)(start / (size_t)width)};
  }
  Words maybe(int64_t elements, int width = 4) { return r.one_in(2) ? Words{-1, 0} : room(elements, width); }
  // An operand with strides for the extents: dense, permuted, turned round, or (not for outputs) repeating.
  Words strided(const Words& e, int width, bool output, Words* strides) {
    Words order(e.size());
    for (size_t i = 0; i < e.size(); i++) order[i] = (int32_t)i;
    const bool dense = usual && !r.one_in(4);
    for (size_t i = 0; i < e.size(); i++)
      if (dense) order[i] = (int32_t)(e.size() - 1 - i);
      else std::swap(order[i], order[(size_t)r.below((int32_t)e.size())]);
    strides->assign(e.size(), 0);
    int64_t span = 1, back = 0;
    for (int32_t i : order) {
      if (!output && r.one_in(usual ? 15 : 5)) continue;
      (*strides)[(size_t)i] = (int32_t)span;
      if (!dense && r.one_in(6) && e[(size_t)i] > 0) back += span * (e[(size_t)i] - 1), (*strides)[(size_t)i] = -(int32_t)span;
      span *= e[(size_t)i] ? e[(size_t)i] : 1;
    }
    Words ref = room(span, width);
    ref[1] += (int32_t)back;
    return ref;
  }

  void copy() {
    const int32_t d = dtype(), mode = only_moves(d) ? 0 : r.below(2), rank = r.in(0, 5);
    Words e, s, o;
    for (int i = 0; i < rank; i++) e.push_back(extent());
    const int w = DTYPE_BYTES[d];
    const Words from = strided(e, w, false, &s), to = strided(e, w, mode == SET, &o);
    program.add(OP_COPY, Words{d, mode, rank} + e + from + s + to + o);
  }
  void fill() {
    const int32_t d = dtype(), n = extent();
    program.add(OP_FILL, Words{d, n, (int32_t)r.engine(), (int32_t)r.engine()} + room(n, DTYPE_BYTES[d]));
  }
  void matmul() {
    static const int32_t types[] = {F32, F64, F16, BF16};
    const int32_t d = types[r.below(4)], w = DTYPE_BYTES[d], to = w == 2 && r.one_in(2) ? (int32_t)F32 : d;
    const int32_t rank = r.in(0, 2), m = extent(), n = extent(), k = extent();
    Words batch;
    for (int i = 0; i < rank; i++) batch.push_back(r.in(0, 3));
    Words sa, sb, sc;
    const Words a = strided(Words{m, k} + batch, w, false, &sa), b = strided(Words{k, n} + batch, w, false, &sb);
    int64_t out = (int64_t)m * n;
    // With an end it is contiguous.
    const bool ended = r.one_in(2);
    sc = Words((size_t)rank, 0);
    for (int32_t i = 0; i < rank; i++) {
      const size_t axis = (size_t)(ended ? rank - 1 - i : i);
      sc[axis] = (int32_t)out, out *= batch[axis];
    }
    sc.insert(sc.begin(), n);
    const Words c = room(out, DTYPE_BYTES[to]);
    Words own = Words{d, to, rank} + batch + Words{m, n, k} + a + sa + b + sb + c + sc + maybe(n, DTYPE_BYTES[to]);
    int32_t rows = m;
    for (int32_t x : batch) rows *= x;
    if (ended) own = own + epilogue({d == F64 ? F64 : F32, rows, n, to, c});
    program.add(OP_MATMUL, own);
  }
  // The end of an instruction: a fused kernel over the rows and columns of its result, which lies at `at`.
  struct Result {
    int32_t lanes, rows, cols, dtype;
    Words at;
  };
  const Result* under = nullptr;  // of the kernel that is being made, or null
  Words epilogue(const Result& of) {
    under = &of;
    const Words words = kernel();
    under = nullptr;
    return Words{OP_FUSED, (int32_t)words.size() + 2} + words;
  }
  void take_or_put(bool put) {
    const int32_t d = dtype(), outer = extent(), n = extent(), inner = extent(), count = extent();
    const int w = DTYPE_BYTES[d];
    const Words big = room((int64_t)outer * n * inner, w), index = room(count, 4), part = room((int64_t)outer * count * inner, w);
    const Words size = {outer, n, inner, count};
    if (put) program.add(OP_PUT, Words{d, d == BOOL ? 3 : only_moves(d) ? 0 : r.below(5), r.below(2)} + size + index + part + big + Words{1});
    else program.add(OP_TAKE, Words{d} + size + big + index + part + Words{1});
  }
  void gather_or_scatter(bool scatter) {
    const int32_t d = dtype(), rank = r.in(1, 4), axis = r.below(rank);
    const int w = DTYPE_BYTES[d];
    Words full, part;
    int64_t nf = 1, np = 1;
    for (int i = 0; i < rank; i++) {
      full.push_back(extent()), part.push_back(i == axis ? extent() : r.in(0, full.back()));
      nf *= full.back(), np *= part.back();
    }
    const Words big = room(nf, w), index = room(np, 4), small = room(np, w);
    if (scatter) program.add(OP_SCATTER, Words{d, d == BOOL ? 4 : only_moves(d) ? 0 : r.below(5), rank, axis} + full + part + index + small + big + Words{1});
    else program.add(OP_GATHER, Words{d, rank, axis} + full + part + big + index + small + Words{1});
  }
  void order() {
    const int32_t d = number(), outer = extent(), n = extent(), inner = extent(), all = outer * n * inner;
    const int w = DTYPE_BYTES[d];
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
    Words w = window(&in, &out, &taps);
    int32_t groups = r.in(1, 2), n = r.in(0, 3), c = groups * r.in(1, 3), o = groups * r.in(1, 3);
    if (r.one_in(4)) {
      // What goes Winograd's way, unless the extents have it otherwise.
      const int32_t h = r.in(6, 12), v = r.in(6, 12), p = r.below(3), q = r.below(3), more = r.one_in(4) ? r.in(-2, 2) : 0;
      const int32_t i = h + 2 * p - 2 + more, j = v + 2 * q - 2 + more;
      w = {1, h, v, 1, i, j, 1, 3, 3, 1, 1, 1, 1, 1, 1, 0, p, q};
      in = h * v, out = i * j, taps = 9, groups = 1, n = r.in(1, 3), c = r.in(15, 20), o = r.in(15, 20);
    }
    const int32_t d = real(), width = DTYPE_BYTES[d];
    const Words x = room(n * c * in, width), weight = room(o * (c / groups) * taps, width), y = room(n * o * out, width);
    const Words head = Words{d, n, c, o, groups} + w;
    switch (r.below(3)) {
      case 0: {
        Words own = head + x + weight + y + maybe(o, width);
        if (r.one_in(2)) own = own + epilogue({d, n * o, (int32_t)out, d, y});
        return program.add(OP_CONV, own);
      }
      case 1: return program.add(OP_CONV_INPUT, head + y + weight + x);
      default: return program.add(OP_CONV_WEIGHT, head + y + x + weight);
    }
  }
  void pool() {
    int64_t in, out, taps;
    const Words w = window(&in, &out, &taps);
    const int32_t planes = r.in(0, 5);
    const int32_t d = real(), width = DTYPE_BYTES[d];
    const Words x = room(planes * in, width), y = room(planes * out, width), factor = {0, 0x3ff00000};
    switch (r.below(4)) {
      case 0: return program.add(OP_MAX_POOL, Words{d, planes} + w + x + y + maybe(planes * out));
      case 1: return program.add(OP_SUM_POOL, Words{d, planes} + w + factor + x + y);
      case 2: return program.add(OP_SUM_POOL_INPUT, Words{d, planes} + w + factor + y + x);
      default:
        return program.add(OP_MAX_POOL_INPUT, Words{d, planes, (int32_t)out, (int32_t)in} + y + room(planes * out, 4) + x + Words{1});
    }
  }

  void recurrent(bool back) {
    static const int gates[] = {1, 1, 4, 3}, keeps[] = {1, 1, 6, 5}, gives[] = {1, 1, 5, 5};
    const int32_t cell = r.below(4), steps = r.in(0, 4), h = extent();
    const bool lstm = cell == LSTM_CELL;
    const int32_t d = real(), width = DTYPE_BYTES[d];
    Words size;
    int32_t rows = 0, now = r.in(0, 9), first = steps ? now : 0;
    for (int i = 0; i < steps; i++) size.push_back(now), rows += now, now = r.one_in(2) ? now : r.in(0, now);
    Words w = Words{d, cell, r.below(2), steps, h} + size;
    if (back) {
      w = w + room((int64_t)rows * keeps[cell] * h, width) + room((int64_t)rows * h, width);
      if (lstm) w = w + maybe((int64_t)rows * h, width);
    } else {
      w = w + room((int64_t)rows * gates[cell] * h, width);
    }
    w = w + room((int64_t)gates[cell] * h * h, width) + room((int64_t)first * h, width);
    if (lstm) w = w + room((int64_t)first * h, width);
    if (!back && cell == GRU_CELL) w = w + maybe(h, width);
    w = w + room((int64_t)rows * (back ? gives : keeps)[cell] * h, width);
    program.add(back ? OP_RECURRENT_BACK : OP_RECURRENT, w);
  }

  void attention(bool back) {
    const int32_t b = r.in(0, 2), g = r.in(1, 2), h = g * r.in(1, 2), l = r.one_in(8) ? r.in(50, 150) : extent(), s = r.one_in(8) ? r.in(120, 300) : extent();
    const int32_t e = extent(), d = extent(), masks[] = {-1, F32, BOOL}, mask = masks[r.below(3)], threshold = r.one_in(2) ? r.below((1 << 24) + 1) : 0;
    const auto of = [&](const Words& extents, int width) {
      Words strides;
      const Words ref = strided(extents, width, false, &strides);
      return ref + strides;
    };
    Words w = Words{F32, b, h, g, l, s, e, d, r.below(2), bits_of(r.number()), mask, threshold, bits_of(r.number())};
    w = w + of({b, h, l, e}, 4), w = w + of({b, g, s, e}, 4), w = w + of({b, g, s, d}, 4);
    w = w + (mask < 0 ? Words{-1, 0, 0, 0, 0, 0} : of({b, h, l, s}, DTYPE_BYTES[mask]));
    w = w + (threshold ? room(3, 4) : maybe(3));
    if (back) {
      w = w + of({b, h, l, d}, 4), w = w + of({b, h, l, 2}, 4), w = w + of({b, h, l, 1}, 4);
      w = w + room((int64_t)b * l * h * e, 4), w = w + room((int64_t)b * s * g * e, 4), w = w + room((int64_t)b * s * g * d, 4);
    } else {
      w = w + room((int64_t)b * l * h * d, 4), w = w + maybe((int64_t)b * h * l * 2);
    }
    program.add(back ? OP_ATTENTION_BACK : OP_ATTENTION, w);
  }

  void quantized() {
    const int32_t bits = 4 << r.below(3), m = extent(), n = extent(), k = r.one_in(4) ? r.in(100, 300) : extent(), group = bits == 16 ? 0 : 8 * r.in(1, 32);
    const int64_t panels = (n + 31) / 32, words = (k * bits + 31) / 32, scales = group ? panels * ((k + group - 1) / group) * 32 : 0;
    const Words x = room((int64_t)m * k, 4), codes = bits == 16 ? room(panels * words * 64, 2) : room(panels * words * 128, 1);
    const Words of = bits == 16 ? Words{-1, 0, -1, 0} : room(scales, 4) + maybe(scales, 1);
    program.add(OP_QUANTIZED, Words{F32, bits, m, n, k, group} + x + codes + of + room((int64_t)m * n, 4) + maybe(n));
  }

  // Few elements, so that random pointers are often those of a matrix.
  void sparse(bool products) {
    const int32_t d = real(), width = DTYPE_BYTES[d], rows = r.one_in(3) ? extent() : 1, cols = extent(), count = rows ? r.below(4) : 0, features = extent();
    const Words w = Words{d, rows, cols, count, features} + room((int64_t)rows + 1, 4) + room(count, 4);
    const auto of = [&](int64_t n) { return room(n * features, width); };
    if (products) return program.add(OP_SDDMM, w + of(rows) + of(cols) + room(count, width) + Words{1});
    const Words values = maybe(count, width), order = maybe(count);
    program.add(OP_SPMM, w + values + order + of(cols) + of(rows) + Words{1});
  }

  void taps(bool back) {
    const int32_t d = real(), width = DTYPE_BYTES[d], rows = extent(), n = extent(), m = extent(), inner = r.one_in(2) ? 1 : extent(), k = r.below(5);
    const Words place = room((int64_t)k * m, 4), weight = maybe((int64_t)k * m, width);
    const Words x = room((int64_t)rows * n * inner, width), y = room((int64_t)rows * m * inner, width);
    program.add(back ? OP_TAPS_BACK : OP_TAPS, Words{d, rows, n, m, inner, k} + place + weight + (back ? y + x : x + y) + Words{1});
  }

  void linear_algebra() {
    const int32_t op = r.in(OP_LU, OP_FFT), d = op == OP_EIGH || op == OP_SVD ? (int32_t)F64 : real(), w = DTYPE_BYTES[d];
    const int32_t batch = r.below(4), n = extent(), m = op == OP_SVD ? n + r.below(4) : extent(), k = m < n ? m : n, columns = extent();
    const auto of = [&](int32_t a, int32_t b) { return room((int64_t)batch * a * b, w); };
    const auto perhaps = [&](int32_t a, int32_t b, int width) { return maybe((int64_t)batch * a * b, width); };
    switch (op) {
      case OP_LU: return program.add(op, Words{d, batch, m, n} + of(m, n) + perhaps(m, n, w) + perhaps(k, 1, 4) + perhaps(1, 1, 4));
      case OP_CHOLESKY: return program.add(op, Words{d, batch, n} + of(n, n) + perhaps(n, n, w) + perhaps(1, 1, 4));
      case OP_SOLVE_TRIANGULAR:
        return program.add(op, Words{d, batch, n, columns, r.below(2), r.below(2), r.below(2)} + of(n, n) + of(n, columns) + of(n, columns));
      case OP_QR: return program.add(op, Words{d, batch, m, n} + of(m, n) + perhaps(m, n, w) + perhaps(k, 1, w));
      case OP_HOUSEHOLDER: {
        const int32_t used = r.in(0, k), out = r.in(0, m);
        return program.add(op, Words{d, batch, m, n, used, out} + of(m, n) + of(used, 1) + of(m, out));
      }
      case OP_EIGH: return program.add(op, Words{d, batch, n} + of(n, n) + perhaps(n, 1, w) + perhaps(n, n, w));
      case OP_SVD: return program.add(op, Words{d, batch, m, n} + of(m, n) + perhaps(n, 1, w) + perhaps(m, n, w) + perhaps(n, n, w));
      default: {
        const int32_t length = r.one_in(8) ? r.in(0, 600) : n;
        return program.add(op, Words{d, batch, length, r.one_in(2) ? 1 : -1} + of(length, 2) + of(length, 2));
      }
    }
  }

  static Words dense_strides(const Words& e) {
    Words s(e.size());
    int32_t n = 1;
    for (size_t i = e.size(); i-- > 0;) s[i] = n, n *= e[i];
    return s;
  }
  // Is the operation one of codegen.cpp's?
  static bool compiled(int32_t op) {
    switch (op) {
      case F_FLOORDIVF: case F_REMAINDERF: case F_FMODF: case F_POWF: case F_ATAN2F: case F_HYPOTF: case F_POWI:
      case F_DIVI: case F_FLOORDIVI: case F_REMAINDERI: case F_FMODI: return false;
      default: return !(op >= F_SINF && op <= F_COSHF) && !(op >= F_ASINHF && op <= F_ATANHF) && !(op >= F_RSUMI && op <= F_RMINI) && op != F_RPRODF;
    }
  }

  int32_t longest = 128;  // row, in units of 16
  bool special = true;  // the inputs hold NaNs and infinities
  bool summed = false;  // an output of the last fused kernel combines
  bool wide = false;    // the last fused kernel has lanes of 64 bits
  // A fused kernel of random operations. Registers of the three kinds of lane are kept apart, as a backend does.
  void fused() { program.add(OP_FUSED, kernel()); }
  Words kernel() {
    // Lanes of 64 bits have the same operations, but for random bits.
    const int32_t lanes = under ? under->lanes : r.one_in(2) ? F32 : F64;
    wide = lanes == F64;
    int32_t outer = r.in(0, usual ? 1 : 3), rows = usual ? r.in(1, 90) : extent(),
            cols = usual ? (r.one_in(3) ? 16 * r.in(1, longest) : r.in(1, 400)) : r.one_in(4) ? r.in(100, 700) : extent();
    Words extents, space;
    if (under) {
      const int32_t parts = r.in(1, 4);
      outer = under->rows % parts == 0 && r.one_in(2), rows = under->rows / (outer ? parts : 1), cols = under->cols;
      if (outer) extents.push_back(parts);
    } else
      for (int i = 0; i < outer; i++) extents.push_back(r.in(usual, 3));
    space = extents + Words{rows, cols};
    enum Kind { FLOAT, INT, MASK };
    struct Reg {
      Kind kind;
      int32_t cls;
    };
    std::vector<Reg> regs;
    std::vector<Words> places;  // of the inputs
    Words in, ins, out;
    // More memory than machine code has registers for, too.
    const bool many = usual && r.one_in(3);
    const int32_t inputs = r.in(1, many ? 14 : 4);
    for (int i = 0; i < inputs; i++) {
      const int32_t d = usual && !r.one_in(4) ? lanes : dtype(), cls = r.one_in(4) ? r.in(ROW, SCALAR) : FULL;
      const bool iota = r.one_in(usual ? 10 : 6);
      if (under && i == 0) {
        places.push_back(Words{under->at[0], under->dtype, under->at[1]} + dense_strides(space));
        in = in + places[0];
        regs.push_back({FLOAT, FULL});
        continue;
      }
      Words e = space, strides;
      if (cls >= ROW) e.back() = 1;
      if (cls == SCALAR) e.assign(e.size(), 1);
      Words ref = strided(e, DTYPE_BYTES[d], false, &strides);
      for (size_t j = 0; j < e.size(); j++)
        if (e[j] != space[j]) strides[j] = 0;
      if (iota) ref[0] = -1;
      const int32_t type = iota ? (int32_t)I32 : d;
      in = in + Words{ref[0], type, ref[1]} + strides;
      places.push_back(iota ? Words{} : Words{ref[0], type, ref[1]} + strides);
      regs.push_back({type == BOOL ? MASK : is_integer(type) ? INT : FLOAT, cls});
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
      int32_t op = r.in(F_CONST, F_FLOATF), imm = 0, cls = SCALAR;
      Kind result = FLOAT, operand = FLOAT;
      int32_t use[3] = {0, 0, 0};
      int operands = 1;
      if (under && op >= F_RSUMF && op <= F_RDOTF) continue;
      if (op == F_CONST) operands = 0, use[0] = (int32_t)r.engine(), imm = bits_of(r.special());
      else if (op == F_MOV) result = operand = (Kind)r.below(3);
      else if (op <= F_COPYSIGNF) operands = 2;
      else if (op == F_FMAF || op == F_FMSF || op == F_FNMAF) operands = 3;
      else if (op == F_RDOTF) operands = 2;
      else if (op <= F_TRUNCF || op == F_NDTRF) operands = 1;
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
      else if (op == F_HALFF || op == F_BHALFF || op == F_FLOATF) operands = 1;
      else if (op == F_I8I || op == F_U8I || op == F_I32I) result = operand = INT;
      else if (op == F_FTOI32) result = INT;
      else if (op == F_RAND) {
        if (lanes == F64) continue;
        int32_t index = -1, key = -1;
        for (int32_t i = 0; i < inputs; i++)
          if (places[(size_t)i].empty() && regs[(size_t)i].cls == FULL) index = i;
        for (size_t i = 0; i < regs.size(); i++)
          if (regs[i].cls == SCALAR) key = (int32_t)i;
        if (index < 0 || key < 0) continue;
        ins = ins + Words{op, (int32_t)regs.size(), index, key, key, key};
        regs.push_back({INT, FULL});
        count++;
        continue;
      }
      else if (op == F_CHECK) continue;
      else if (op <= F_RMINF) result = operand = FLOAT;
      else result = operand = INT;  // to RMINI
      if (usual && !compiled(op) && !r.one_in(100)) continue;
      if (usual && op == F_COPYSIGNF && special) continue;  // the sign of a NaN is anybody's
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
      count++;
      // A register of the class again, also one of the operands.
      const int32_t again = r.below((int32_t)regs.size());
      if (usual && again >= inputs && regs[(size_t)again].cls == cls && r.one_in(2)) {
        ins = ins + Words{op, again, use[0], use[1], use[2], imm};
        regs[(size_t)again].kind = result;
        continue;
      }
      ins = ins + Words{op, (int32_t)regs.size(), use[0], use[1], use[2], imm};
      regs.push_back({result, cls});
    }
    // All of them are read.
    for (int32_t i = 0, sum = -1; many && i < inputs; i++) {
      if (regs[(size_t)i].kind != FLOAT || regs[(size_t)i].cls != FULL) continue;
      if (sum >= 0) ins = ins + Words{F_ADDF, (int32_t)regs.size(), sum, i, 0, 0}, regs.push_back({FLOAT, FULL}), count++;
      sum = sum < 0 ? i : (int32_t)regs.size() - 1;
    }
    const int32_t outputs = r.in(1, many ? 8 : usual ? 4 : 2);
    bool used[16] = {};
    for (int i = 0; i < outputs; i++) {
      const int32_t reg = usual && !r.one_in(6) && count ? (int32_t)regs.size() - 1 - r.below(std::min(3, (int32_t)regs.size() - inputs ? (int32_t)regs.size() - inputs : 1)) : r.below((int32_t)regs.size());
      const Reg& g = regs[(size_t)reg];
      const int32_t floats[] = {lanes, wide ? F32 : F64, F16, BF16}, ints[] = {wide ? I64 : I32, wide ? I32 : I64, I8, U8};
      const int32_t d = g.kind == MASK ? BOOL : g.kind == FLOAT ? floats[usual && (special || longest > 128 || !r.one_in(6)) ? 0 : r.below(4)] : ints[usual && (longest > 128 || !r.one_in(6)) ? 0 : r.below(4)];
      // The order of sums, and the sign of a NaN, differ between machine code and the interpreter, and are told for floats alone.
      const bool plain = d == lanes || d == ints[0];
      const bool combine = d != BOOL && g.cls != SCALAR && (!usual || plain) && r.one_in(3);
      Words e = space, strides;
      if (g.cls >= ROW) e.back() = 1;
      if (g.cls == SCALAR) e.assign(e.size(), 1);
      if (combine)
        for (size_t j = 0; j < e.size(); j++)
          if (r.one_in(2)) e[j] = 1;
      Words ref = strided(e, DTYPE_BYTES[d], true, &strides);
      for (size_t j = 0; j < e.size(); j++)
        if (e[j] != space[j]) strides[j] = 0;
      // In the place of an input, when no two of its elements share one and no other operand is there.
      const size_t over = (size_t)r.below(inputs);
      if ((usual || under) && !combine && g.cls == FULL && !shared_slot && !used[over] && places[over].size() && places[over][1] == d &&
          places[over] == Words{places[over][0], d, places[over][2]} + dense_strides(space) && r.one_in(2)) {
        used[over] = true;
        ref = {places[over][0], places[over][2]};
        strides = dense_strides(space);
      }
      summed |= combine;
      out = out + Words{ref[0], d, ref[1]} + strides + Words{combine ? r.in(ADD, MIN) : (int32_t)SET, reg};
    }
    Words classes;
    for (const Reg& g : regs) classes.push_back(g.cls);
    return Words{lanes, outer} + extents + Words{rows, cols, inputs, count, (int32_t)regs.size(), outputs} + classes + in + ins + out;
  }

  // An elementwise kernel over runs of memory of several lengths.
  void list() {
    const int32_t lanes = r.one_in(2) ? F32 : F64, width = DTYPE_BYTES[lanes], inputs = r.in(1, 3), outputs = r.in(1, 2);
    const int32_t count = r.in(1, 6), longest = r.one_in(4) ? r.in(0, 6000) : r.in(0, 80);
    static const int32_t ops[] = {F_ADDF, F_MULF, F_SUBF, F_MAXF, F_DIVF, F_FMAF, F_WHERE, F_EXPF, F_SQRTF};
    Words ins, classes(size_t(inputs), FULL);
    int32_t scalar[3];
    for (int i = 0; i < inputs; i++)
      if ((scalar[i] = i > 0 && r.one_in(2))) classes[size_t(i)] = SCALAR;
    const int32_t steps = r.in(outputs, 6);
    for (int32_t i = 0; i < steps; i++) {
      const int32_t have = inputs + i;
      ins = ins + Words{ops[r.below(sizeof ops / 4)], have, 0, r.below(have), r.below(have), 0};
      classes.push_back(FULL);
    }
    std::vector<Words> kernels;
    Words runs, largest;
    int32_t most = -1;
    const bool over = r.one_in(2);  // the first output in the memory of the first input
    Words shared[3];
    for (int i = 0; i < inputs; i++)
      if (scalar[i]) shared[i] = room(1, width);
    for (int32_t k = 0; k < count; k++) {
      const int32_t cols = r.below(longest + 1);
      Words in, out, places;
      for (int i = 0; i < inputs; i++) {
        const Words at = scalar[i] ? shared[i] : room(cols, width);
        in = in + Words{at[0], lanes, at[1], 0, !scalar[i]};
        places = places + at;
      }
      for (int i = 0; i < outputs; i++) {
        const Words at = over && i == 0 ? Words{places[0], places[1]} : room(cols, width);
        out = out + Words{at[0], lanes, at[1], 0, 1, SET, inputs + steps - 1 - i};
        places = places + at;
      }
      runs = runs + Words{cols} + places;
      if (cols <= most) continue;
      most = cols;
      largest = Words{lanes, 0, 1, cols, inputs, steps, inputs + steps, outputs} + classes + in + ins + out;
    }
    program.add(OP_LIST, Words{lanes, count, inputs + outputs} + runs + Words{OP_FUSED, (int32_t)largest.size() + 2} + largest);
  }

  // What is made by `body` as the body of a loop, whose slots lie in slots of this program; slices of one may be copied in
  // and those of another one out.
  void loop(const Program& body) {
    const int32_t n = (int32_t)body.slots.size(), go = n > 0 && body.slots[0].bytes > 0 && r.one_in(4) ? 0 : -1;
    const bool endless = go >= 0 && r.one_in(2);
    const int32_t count = endless ? -1 : r.in(0, 6);
    Words places, slices[2];
    for (int32_t i = 0; i < n; i++) {
      const int64_t bytes = (int64_t)body.slots[(size_t)i].bytes, units = (bytes + 7) / 8;
      const Words at = room(units, 8);
      places = places + at;
      const int side = r.below(4);
      if (endless || side > 1) continue;
      const int32_t part = r.below((int32_t)bytes + 1), gap = r.below(5);
      const Words from = room((int64_t)part * count + gap, 1);
      slices[side] = slices[side] + Words{i, from[0], from[1] + gap, 0, part, 0};
    }
    const int32_t ins = (int32_t)slices[0].size() / 6, outs = (int32_t)slices[1].size() / 6;
    // One without end clears its first bytes, so that it ends after one iteration.
    Program ended = body;
    if (endless) ended.add(OP_FILL, {BOOL, 1, 0, 0, 0, 0});
    program.add(OP_LOOP, Words{F32, count, r.below(2), go, n, ins, outs} + places + slices[0] + slices[1] + ended.words());
  }
  void loop() {
    Maker body(r);
    for (int k = r.in(1, 2); k > 0; k--) body.instruction();
    if (r.one_in(4)) body.loop();
    body.bind();
    loop(body.program);
  }

  void instruction() {
    switch (r.below(20)) {
      case 18: return sparse(r.one_in(2));
      case 19: return taps(r.one_in(2));
      case 16: return attention(r.one_in(2));
      case 17: return quantized();
      case 15: return list();
      case 14: return loop();
      case 13: return linear_algebra();
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
    bind();
    return program;
  }
  void bind() {
    for (size_t bytes : wanted) {
      const int32_t s = program.slot(bytes);
      for (size_t i = 0; i < bytes; i++) program.slots[(size_t)s].b()[i] = (uint8_t)(r.one_in(3) ? r.engine() : 0);
      // Small integers, so that most indices are in range.
      if (r.one_in(2))
        for (size_t i = 0; i < bytes / 4; i++) program.slots[(size_t)s].i()[i] = r.below(3);
    }
  }
};
