// What MATMUL of all dtypes has in common (matmul.cpp, matmul_half.cpp): its operands, proved and read.
#pragma once
#include "epilogue.h"

namespace nabla {
namespace NABLA_ISA {

// The operands of a product whose dtypes have been read; `width` bytes an element of A and B, `to` of C and the bias. Gives
// m, n and k, and whether there is anything to write.
struct Extents {
  int32_t m, n, k;
  bool any;
};
inline bool product_validate(Reader& r, int width, int to, Extents* given) {
  // Axes: m, n, k, then the batch.
  int32_t extent[3 + MAX_RANK], a[3 + MAX_RANK] = {}, b[3 + MAX_RANK] = {}, out[3 + MAX_RANK] = {};
  const int rank = r.between(0, MAX_RANK, "the rank is out of range");
  r.extents(rank, extent + 3);
  r.extents(3, extent);
  r.count(rank, extent + 3);
  r.count(extent[0], extent[1]), r.count(extent[0], extent[2]), r.count(extent[1], extent[2]);
  const Ref ra = r.ref();
  a[0] = r.word(), a[2] = r.word();
  r.words(rank, a + 3);
  const Ref rb = r.ref();
  b[2] = r.word(), b[1] = r.word();
  r.words(rank, b + 3);
  const Ref rc = r.ref();
  out[0] = r.word(), out[1] = 1;
  r.words(rank, out + 3);
  const Range bias = r.operand(to, extent[1], true);
  const Range as = r.span(ra, width, 3 + rank, extent, a), bs = r.span(rb, width, 3 + rank, extent, b);
  *given = {extent[0], extent[1], extent[2], false};
  extent[2] = 1;  // C has no such axis
  const Range cs = r.span(rc, to, 3 + rank, extent, out);
  r.apart(cs, as);
  r.apart(cs, bs);
  r.apart(cs, bias);
  given->any = cs.lo < cs.hi;
  if (r.at < r.c.words) {
    int64_t rows = extent[0], stride = extent[1];
    bool contiguous = out[0] == stride || rows < 2;
    stride *= rows;
    for (int i = rank - 1; i >= 0; i--) {
      contiguous &= extent[3 + i] < 2 || out[3 + i] == stride;
      rows *= extent[3 + i], stride *= extent[3 + i];
    }
    if (!contiguous) return r.fail("a result with an epilogue is contiguous");
    const Range in[3] = {as, bs, bias};
    return epilogue_validate(r, rows, extent[1], cs, to, in, 3);
  }
  return r.done();
}

// The words of a valid one.
struct ProductWords {
  int rank;
  const int32_t *extent, *a, *b, *c, *bias;
  int64_t batch = 1, m, n, k;

  explicit ProductWords(const int32_t* w) : rank(w[4]), extent(w + 5) {
    const int32_t* const p = extent + rank;
    m = p[0], n = p[1], k = p[2];
    a = p + 3, b = a + 4 + rank, c = b + 4 + rank, bias = c + 3 + rank;
    for (int i = 0; i < rank; i++) batch *= extent[i];
  }
  int64_t a_rs() const { return a[2]; }
  int64_t a_cs() const { return a[3]; }
  int64_t b_rs() const { return b[2]; }
  int64_t b_cs() const { return b[3]; }
  int64_t c_rs() const { return c[2]; }
  // Adds where product `at` of the batch begins in A, B and C.
  void find(int64_t at, int64_t* ao, int64_t* bo, int64_t* co) const {
    for (int i = rank - 1; i >= 0; i--) {
      const int64_t x = at % extent[i];
      at /= extent[i];
      *ao += x * a[4 + i], *bo += x * b[4 + i], *co += x * c[3 + i];
    }
  }
};

}  // namespace NABLA_ISA
}  // namespace nabla
