// The EPILOGUE of a product: a fused kernel that runs on blocks of the result while they are in the cache.
#pragma once
#include "ending.h"
#include "epilogue_words.h"
#include "fused_task.h"

namespace nabla {
namespace NABLA_ISA {

// What the tasks of one kernel share: the accumulators of its combining outputs, some for each task.
struct Sums {
  const Kernel& k;
  real* at;
  int64_t lanes;  // of a task

  Sums(const Exec& e, const Kernel& kernel);
  void open(Task& job, int task) const;
  // Those of all tasks to where they belong.
  void close(const Exec& e, int tasks) const;
};

#ifdef __wasm__
// Plans for WebAssembly have none, and its files nothing of them (docs/decisions/0082).
inline bool epilogue_validate(Reader& r, int64_t, int64_t, const Range&, int, const Range*, int) { return r.done(); }
struct Epilogue : Ending {
  explicit Epilogue(const Exec& product) : Ending{product} {}
  const Exec& rest(const Exec& product) const { return product; }
};
#else

// Of an instruction whose own words have been read, the reader standing behind them: proves what may follow. C has rows x
// cols elements from `c` on, of `width` bytes; `in` are the ranges that the instruction reads.
bool epilogue_validate(Reader& r, int64_t rows, int64_t cols, const Range& c, int width, const Range* in, int ins);

// One run of it; without one nothing happens.
struct Epilogue : Ending {
  Exec own;  // of the fused kernel
  Kernel k;
  Tiling tl;
  int64_t bytes = 0;  // of a thread's scratch, and of what is shared: the rest is the product's
  int64_t shared = 0;

  explicit Epilogue(const Exec& product);
  // The product's own view of the memory.
  Exec rest(Exec product) const;
  // Is it worth more tasks than the product? Then it follows by itself.
  bool alone(int tasks) const;
};

// A task of the product.
struct EpilogueTask : Told {
  Task job;
  const Epilogue& of;

  EpilogueTask(const Epilogue& epilogue, int task, int thread);
  void run(int64_t i, int64_t j, int64_t rows, int64_t cols);
};
#endif

}  // namespace NABLA_ISA
}  // namespace nabla
