// fit on all ranks: `node fit.mjs FOLDER [OPTION...] [then ...]`, one line of JSON a rank and job.
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { manualSeed, tensor } from 'nabla'
import { DataLoader, TensorDataset } from 'nabla/data'
import * as dist from 'nabla/distributed'
import { BatchNorm1d, Dropout, Linear, ReLU, Sequential } from 'nabla/nn'
import { Adam, LBFGS, SGD } from 'nabla/optim'
import { EarlyStopping, fit, PeriodicCheckpoint } from 'nabla/train'
import { runJobs } from './jobs.mjs'

dist.initProcessGroup()
const rank = dist.getRank()
const noise = (i) => {
  const x = Math.sin(i * 12.9898) * 43758.5453
  return x - Math.floor(x) - 0.5
}
const rows = 61
const label = (i) => Math.floor((noise(i + 0.5) + 0.5) * 3) % 3
const x = tensor(
  Array.from({ length: rows }, (_, i) =>
    Array.from({ length: 10 }, (_, k) => noise(i * 10 + k) + 0.3 * label(i)),
  ),
)
const y = tensor(
  Array.from({ length: rows }, (_, i) => label(i)),
  { dtype: 'int32' },
)
function job([folder, ...more]) {
  mkdirSync(folder, { recursive: true })
  const has = (name) => more.includes(name)
  const number = (name, or) =>
    Number(more.find((m) => m.startsWith(`${name}=`))?.split('=')[1] ?? or)
  manualSeed(rank === 0 ? 3 : 100 + rank)
  const model = new Sequential(
    new Linear(10, 41),
    ...(has('norm') ? [new BatchNorm1d(41)] : []),
    new ReLU(),
    ...(has('dropout') ? [new Dropout(0.2)] : []),
    new Linear(41, 3),
  )
  if (has('norm')) dist.SyncBatchNorm.convertSyncBatchnorm(model)
  const params = model.parameters()
  let optimizer = has('lbfgs')
    ? new LBFGS(params, { lr: 0.5, maxIter: 4 })
    : has('sgd')
      ? new SGD(params, { lr: 0.1, momentum: 0.9 })
      : new Adam(params, { lr: 0.01 })
  if (has('zero')) optimizer = dist.zeroRedundancy(optimizer)
  if (has('local'))
    optimizer = dist.postLocalSGD(
      optimizer,
      new dist.PeriodicModelAverager({ period: 2, warmupSteps: 2 }),
    )
  // 61 = 3 · 20 + 1: the last batch has nothing for most ranks. Batch norm needs more than one row.
  const data = new DataLoader(new TensorDataset(x, y), {
    batchSize: has('norm') ? 19 : 20,
    shuffle: true,
    seed: 5,
  })
  const step = []
  const trainer = fit(model, {
    data,
    validation: new DataLoader(new TensorDataset(x, y), { batchSize: 61 }),
    optimizer,
    epochs: number('epochs', 5),
    verbose: false,
    accumulate: has('accumulate') ? 2 : 1,
    clipNorm: 1,
    ...(has('resume') && { resume: `${folder}/state.safetensors` }),
    ...(has('eager') && { compiled: false }),
    callbacks: [
      new EarlyStopping({ patience: 50, restoreBest: false }),
      new PeriodicCheckpoint(`${folder}/state.safetensors`, { seconds: has('zero') ? 0.001 : 60 }),
      {
        onBatchEnd(t, log) {
          step.push(log.loss)
          if (has('stop') && rank === 1 && log.step === 6) t.stop('rank 1 has had enough')
          if (has('nan') && rank === 1 && log.step === 3)
            params[0].storage.write(Float32Array.of(Number.NaN))
        },
      },
    ],
  })
  const hash = createHash('sha256')
  for (const p of params) hash.update(new Uint8Array(p.toTypedArray().slice().buffer))
  const states = [...(optimizer.state?.values() ?? [])].flatMap((s) => Object.values(s))
  return {
    rank,
    losses: trainer.history.map((h) => h.loss),
    accuracy: trainer.history.map((h) => h.accuracy),
    valLoss: trainer.history.map((h) => h.valLoss),
    weights: hash.digest('hex'),
    steps: trainer.step,
    stopped: trainer.stopped ?? '',
    state: states.reduce((n, t) => n + t.size, 0),
  }
}
runJobs(job)
