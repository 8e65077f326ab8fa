/** Many steps in one call of the core. */

/**
 * `run(k)` takes k steps in one call and is compiled once for each k, so that only few k may be used: gives the function
 * that takes any number of steps by calls of these sizes.
 */
export function chunks(
  run: (k: number) => void,
  sizes: readonly number[] = [512, 64, 8, 1],
): (n: number) => number {
  return (n) => {
    let left = n
    for (const k of sizes) for (; left >= k; left -= k) run(k)
    return n - left
  }
}
