// A run with a checkpoint at every step that goes on from the last one; prints its weights at the end.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { DataLoader, TensorDataset } from '../../dist/data/index.js'
import { manualSeed, tensor, uniform } from '../../dist/index.js'
import { readBytes } from '../../dist/io/index.js'
import * as nn from '../../dist/nn/index.js'
import { Adam } from '../../dist/optim/index.js'
import { fit, PeriodicCheckpoint } from '../../dist/train/index.js'

const [path] = process.argv.slice(2)
manualSeed(4)
const x = uniform([200, 6], -1, 1)
const y = tensor(Int32Array.from({ length: 200 }, (_, i) => i % 3))
const model = new nn.Sequential(new nn.Linear(6, 16), new nn.ReLU(), new nn.Linear(16, 3))
fit(model, {
  data: new DataLoader(new TensorDataset(x, y), { batchSize: 10, shuffle: true, seed: 4 }),
  optimizer: new Adam(model.parameters(), { lr: 0.01 }),
  epochs: 4,
  callbacks: [
    new PeriodicCheckpoint(path, { batches: 1 }),
    // Slow enough for a kill to fall into the middle.
    { onBatchEnd: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5) },
  ],
  ...(existsSync(path) && { resume: readBytes(path) }),
})
const hash = createHash('sha256')
for (const p of model.parameters()) hash.update(p.toTypedArray())
console.log(hash.digest('hex'))
