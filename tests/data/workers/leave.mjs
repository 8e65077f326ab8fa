// Leaves an iteration early, in each way, with batches on their way; the process ends by itself, at once.
import { DataLoader, datasetFrom } from 'nabla/data'

const data = await datasetFrom(new URL('./sets.mjs', import.meta.url), 'noisy', 400, 20)
const seen = []
const loader = new DataLoader(data, { batchSize: 4, workers: 2, prefetch: 8 })
for (const [x] of loader) {
  seen.push(x.shape[0])
  break
}
for await (const [x] of loader) {
  seen.push(x.shape[0])
  break
}
try {
  for (const _ of loader) throw new Error('in the loop')
} catch (error) {
  seen.push(error.message)
}
// One that is closed within the loop begins anew with the next.
for (const [x] of loader) {
  seen.push(x.shape[0])
  loader.close()
  break
}
for (const [x] of loader) {
  seen.push(x.shape[0])
  break
}
console.log(JSON.stringify({ seen, state: loader.stateDict() }))
