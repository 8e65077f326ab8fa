/**
 * `npm run bench -- NAME --bound`: how near a compiled function is to what the machine can do. The model: products
 * (matmul, attention, convolutions, recurrent layers) take their operations at the rate of the best register tile with
 * operands in cache, or their bytes at the memory's rate where that is more; everything else takes the bytes that it reads
 * and writes, each place once, at the memory's rate, or at the cache's where all of them are half a megabyte at most. The rates
 * are measured in the same run (tile.cpp). An instruction that is faster than that, as its operands still lie in the L3, counts
 * with the time that it took, so the bound errs to the low side.
 */

const CACHE = 0.5 * 2 ** 20

/** The instructions of one call of `f`, each with the least time of some runs; and the least time of the whole. */
export function instructionsOf(profile, f, runs) {
  const whole = []
  for (let i = -2; i < runs; i++) {
    const start = performance.now()
    f()
    if (i >= 0) whole.push(performance.now() - start)
  }
  const { events } = profile(f, { runs, warmup: 2 })
  const count = events.length / runs
  const rows = []
  for (let i = 0; i < count; i++) {
    const same = Array.from({ length: runs }, (_, r) => events[r * count + i])
    const { kernel, op, layer, flops, moved } = same[0]
    if (kernel) rows.push({ kernel, op, layer, flops, moved, ms: Math.min(...same.map((e) => e.self)) }) // biome-ignore format: a line
  }
  return { ms: Math.min(...whole), rows }
}

const isProduct = ({ kernel, flops }) => flops > 0 && !/^(fused|loop)/.test(kernel)

/** Milliseconds that an instruction takes at best on a machine as tile.cpp measured it. */
function least({ kernel, flops, moved, ms }, machine, product) {
  const [near, , far] = machine.moving.map(([, rate]) => rate)
  const moving = moved / (moved <= CACHE ? near : far) / 1e6
  if (!product) return Math.min(ms, moving)
  const rate = /bfloat16/.test(kernel) && machine.bfloat16 ? machine.bfloat16 : machine.float32
  return Math.min(ms, Math.max(flops / rate / 1e6, moving))
}

/** Bound and time of all, of products, and of the kernels that lose most. */
export function boundOf({ ms, rows }, machine, most = 8) {
  const kernels = new Map()
  const sums = { products: [0, 0], rest: [0, 0] }
  for (const row of rows) {
    const product = isProduct(row)
    const bound = least(row, machine, product)
    const name = product ? row.kernel : `${row.kernel}: ${row.op}`
    const k = kernels.get(name) ?? { kernel: name, calls: 0, ms: 0, bound: 0, flops: 0, moved: 0 }
    k.calls++
    k.ms += row.ms
    k.bound += bound
    k.flops += row.flops
    k.moved += row.moved
    kernels.set(name, k)
    const sum = sums[product ? 'products' : 'rest']
    sum[0] += row.ms
    sum[1] += bound
  }
  const bound = sums.products[1] + sums.rest[1]
  const gaps = [...kernels.values()].sort((a, b) => b.ms - b.bound - (a.ms - a.bound)).slice(0, most) // biome-ignore format: a line
  return { ms, bound, percent: (100 * bound) / ms, products: sums.products, rest: sums.rest, gaps }
}
