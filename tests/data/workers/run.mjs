// Runs loaders with and without threads, in plain Node, and prints what came as one line of JSON.
import { randn, setBackend } from 'nabla'
import { DataLoader, datasetFrom, randomSplit } from 'nabla/data'

if (process.argv[2]) setBackend(process.argv[2])
const here = new URL('./sets.mjs', import.meta.url)
const values = (batches) =>
  batches.map(([x, y]) => [x.shape, [...x.toTypedArray()], [...y.toTypedArray()]])
const out = { orders: [] }

const data = await datasetFrom(here, 'noisy', 23)
for (const workers of [0, 1, 3]) {
  const loader = new DataLoader(data, { batchSize: 4, shuffle: true, seed: 7, workers })
  const epochs = [values([...loader]), values([...loader])]
  // A position that was saved and set again; and an iteration that is left early.
  for (const _ of loader) break
  const other = new DataLoader(data, { batchSize: 4, shuffle: true, seed: 7, workers })
  other.loadStateDict({ epoch: 1, batch: 2 })
  const rest = values([...other])
  const state = []
  for (const _ of other) state.push(other.stateDict())
  const [part] = randomSplit(data, [0.5, 0.5], { seed: 3 })
  const half = values([...new DataLoader(part, { batchSize: 5, workers })])
  const pairs = []
  const both = new DataLoader(data, { batchSize: 8, workers })
  for (const a of both.from(0, 0)) for (const b of both.from(0, 1)) pairs.push(...values([a, b]))
  out.orders.push({ epochs, rest, state, half, pairs })
  loader.close()
}

out.errors = []
for (const [name, options] of [
  ['failing', {}],
  ['ending', {}],
  ['endless', { timeout: 0.5 }],
  ['missing', {}],
]) {
  let seen = 0
  try {
    const set =
      name === 'missing'
        ? Object.assign(
            { length: 8, get: () => 0 },
            { origin: { module: `${here}`, name, args: [] } },
          )
        : await datasetFrom(here, name, 8)
    for (const _ of new DataLoader(set, { batchSize: 2, workers: 2, ...options })) seen++
    out.errors.push([name, seen, 'no error'])
  } catch (error) {
    out.errors.push([
      name,
      seen,
      error.constructor.name,
      error.message,
      `${error.cause}`.split('\n')[0],
    ])
  }
}

// Time that the training itself does not spend waiting.
const [n, batchSize, step] = [400, 20, 40]
const slow = await datasetFrom(here, 'noisy', n, 1)
out.waits = [0, 2].map((workers) => {
  const loader = new DataLoader(slow, { batchSize, workers, prefetch: 4 })
  let waited = 0
  let first = 0
  let begin = performance.now()
  for (const _ of loader) {
    const now = performance.now() - begin
    if (first === 0) first = now
    else waited += now
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, step)
    begin = performance.now()
  }
  return { workers, first, waited, training: (n / batchSize) * step }
})
randn([1])
console.log(JSON.stringify(out))
process.exit(0)
