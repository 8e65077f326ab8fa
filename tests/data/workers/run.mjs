// Runs loaders with and without threads, in plain Node, and prints what came as one line of JSON.
import { DataLoader, datasetFrom, randomSplit } from 'nabla/data'

const here = new URL('./sets.mjs', import.meta.url)
const values = (batches) =>
  batches.map(([x, y]) => [x.shape, [...x.toTypedArray()], [...y.toTypedArray()]])
const out = { orders: [] }

const data = await datasetFrom(here, 'noisy', 23)
const [part] = randomSplit(data, [0.5, 0.5], { seed: 3 })
for (const workers of [0, 1, 2]) {
  const loader = new DataLoader(data, { batchSize: 4, shuffle: true, seed: 7, workers })
  const epochs = [values([...loader]), values([...loader])]
  // An iteration that is left early, a position that was saved and set again.
  for (const _ of loader) break
  loader.loadStateDict({ epoch: 1, batch: 2 })
  const rest = values([...loader])
  const state = []
  for (const _ of loader) state.push(loader.stateDict())
  const half = values([...new DataLoader(part, { batchSize: 5, workers })])
  // Two iterations at once, and one that does not block.
  const pairs = []
  for (const a of loader.from(0, 3))
    for (const b of loader.from(0, 4)) pairs.push(...values([a, b]))
  for await (const batch of loader) pairs.push(...values([batch]))
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
    for (const _ of new DataLoader(set, { batchSize: 2, workers: 1, ...options })) seen++
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

// Milliseconds that the training itself spends waiting, after the first batch: the least of some epochs, since other
// programs on the machine can only add to it.
const [n, batchSize, step] = [200, 20, 40]
const slow = await datasetFrom(here, 'noisy', n, 1)
const word = new Int32Array(new SharedArrayBuffer(4))
out.waits = [0, 2].map((workers) => {
  const loader = new DataLoader(slow, { batchSize, workers, prefetch: 4 })
  let least = Number.POSITIVE_INFINITY
  for (let epoch = 0; epoch < 4; epoch++) {
    let waited = 0
    let begin = Number.POSITIVE_INFINITY
    for (const _ of loader) {
      waited += Math.max(0, performance.now() - begin)
      Atomics.wait(word, 0, 0, step)
      begin = performance.now()
    }
    least = Math.min(least, waited)
  }
  return { workers, waited: least, training: (n / batchSize) * step }
})
console.log(JSON.stringify(out))
process.exit(0)
