/** Milliseconds by the clock, or those that the processor worked for this process, all threads together. */
export const clocks = {
  wall: () => performance.now(),
  cpu() {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  },
}

/** Milliseconds of a call that is not repeated within a turn. */
const LONG = 2000

/** Median milliseconds of a call, in batches long enough for the clock. */
export function measure(f, seconds, now) {
  let start = now()
  f()
  const first = now() - start
  // Long work is warm after a part of itself.
  if (first > LONG) return first
  const calls = Math.max(1, Math.floor(1 / Math.max(1e-6, first)))
  const times = []
  const end = now() + 1000 * seconds
  while (times.length < 2 || now() < end) {
    start = now()
    for (let i = 0; i < calls; i++) f()
    times.push((now() - start) / calls)
  }
  return times.sort((a, b) => a - b)[times.length >> 1]
}
