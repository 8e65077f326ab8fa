// test: core args=2 args-slow=4
// Random valid programs, and the same with words changed: each is rejected with an error or runs without
// leaving its slots, whose ends the address sanitizer watches.
// The argument is the time to spend in seconds; a second one is the first seed, to repeat a failure.
#include <chrono>

#include "maker.h"

using namespace nabla;

static const int32_t top = INT32_MAX, bottom = INT32_MIN;

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
    const double spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    // A busy machine gets longer for the least numbers that say something.
    const bool enough = valid >= 100 && rejected >= 1000 && accepted >= 100;
    if (spent > seconds && (enough || spent > 20 * seconds)) break;
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
      bool lengthy = may_be_long(words, changed) || slots_too_small(changed, slots);
      // Whether a loop without a count ends depends on its body.
      if (!lengthy) {
        const Outcome first = execute(core, changed, slots, used, true);
        lengthy = !first.info.error && endless(changed.data());
      }
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
