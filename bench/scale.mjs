// Efficiency of data-parallel training on up to 1,024 nodes, from measured figures: node bench/scale.mjs --compute 0.1 --megabytes 13
// --latency 50e-6 --bandwidth 1.25e9. The exchange begins when the first bucket's gradients are there: of a step two thirds are
// backward, and what does not fit into the rest of it is waited for. Ring: 2 (n - 1) messages of 1/n of the bytes; tree: 2 log2 n
// messages of all (Thakur, Rabenseifner and Gropp, 2005).
import { parseArgs } from 'node:util'

const number = (name) => ({ type: 'string', default: String(defaults[name]) })
const defaults = {
  compute: 0.1,
  megabytes: 13,
  latency: 50e-6,
  bandwidth: 1.25e9,
  first: 1,
  nodes: 1024,
}

/** Seconds of an all-reduce. */
export function exchange(kind, n, bytes, latency, bandwidth) {
  if (n === 1) return 0
  if (kind === 'ring') return 2 * (n - 1) * (latency + bytes / n / bandwidth)
  return 2 * Math.ceil(Math.log2(n)) * (latency + bytes / bandwidth)
}

/** Seconds of a step on n nodes. */
export function stepTime(kind, n, { compute, megabytes, latency, bandwidth, first }) {
  const bytes = megabytes * 2 ** 20
  const head = Math.min(bytes, first * 2 ** 20)
  const backward = (compute * 2) / 3
  // Buckets fill evenly while backward goes on, and travel one after the other.
  let free = 0
  for (const [begin, size] of [
    [0, head],
    [backward * (head / bytes), bytes - head],
  ]) {
    const ready = begin + backward * (size / bytes)
    if (size > 0) free = Math.max(free, ready) + exchange(kind, n, size, latency, bandwidth)
  }
  return compute - backward + Math.max(backward, free)
}

if (import.meta.main ?? process.argv[1]?.endsWith('scale.mjs')) {
  const { values } = parseArgs({
    options: Object.fromEntries(Object.keys(defaults).map((name) => [name, number(name)])),
  })
  const given = Object.fromEntries(Object.entries(values).map(([k, v]) => [k, Number(v)]))
  console.log('nodes   ring    tree')
  for (let n = 1; n <= given.nodes; n *= 2) {
    const parts = ['ring', 'tree'].map((kind) => given.compute / stepTime(kind, n, given))
    console.log(
      `${String(n).padStart(5)}  ${parts.map((p) => `${(100 * p).toFixed(1)} %`.padStart(7)).join(' ')}`,
    )
  }
}
