// What is told of an instruction's result while it is made: nothing, or an epilogue (epilogue.h), which the ways of products and
// convolutions know by these pointers only.
#pragma once
#include "check.h"

namespace nabla {
namespace NABLA_ISA {

// Of each block of the result, as soon as it is there.
struct Told {
  void (*tell)(Told& self, int64_t i, int64_t j, int64_t rows, int64_t cols);
  int64_t row = 0, col = 0;  // where the next blocks are counted from

  void block(int64_t i, int64_t j, int64_t rows, int64_t cols) { tell(*this, row + i, col + j, rows, cols); }
};

typedef void (*ToldTask)(const void* f, int task, int thread, Told* told);
struct Ending {
  const Exec& e;
  // The tasks, with what is to be told; null: there is nothing.
  void (*run)(const Ending&, int tasks, ToldTask, const void* f) = nullptr;
  int limit = 0;  // of tasks, or 0

  int at_most(int tasks) const { return limit && tasks > limit ? limit : tasks; }
};

// The tasks of an instruction: f(task, thread, who is told of finished blocks, or null).
template <class F>
NABLA_INLINE void with_ending(const Ending& end, int tasks, const F& f) {
#ifndef __wasm__
  if (end.run)
    return end.run(end, tasks, [](const void* g, int task, int thread, Told* told) { (*(const F*)g)(task, thread, told); }, &f);
#endif
  parallel(end.e, tasks, [&](int task, int thread) { f(task, thread, nullptr); });
}

}  // namespace NABLA_ISA
}  // namespace nabla
