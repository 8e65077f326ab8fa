// Steps of a model over batches that all ranks share; the mean losses of all ranks and a digest of the weights, as one line of
// JSON a rank and job. `node train.mjs MODEL ROWS [OPTION...] [then ...]`: ROWS of all ranks together.
import { createHash } from 'node:crypto'
import { compile, crossEntropy, manualSeed, noGrad, relu, tensor } from 'nabla'
import * as dist from 'nabla/distributed'
import { BatchNorm1d, BatchNorm2d, clipGradNorm, Conv2d, Linear, Module } from 'nabla/nn'
import { Adam, SGD } from 'nabla/optim'
import { runJobs } from './jobs.mjs'

dist.initProcessGroup()
const [rank, world] = [dist.getRank(), dist.getWorldSize()]

class Net extends Module {
  constructor() {
    super()
    this.a = new Linear(12, 300)
    this.b = new Linear(300, 900)
    this.c = new Linear(900, 5)
    this.never = new Linear(3, 3)
    this.sometimes = new Linear(900, 900)
    this.deep = false
  }
  forward(x) {
    let h = relu(this.b.forward(relu(this.a.forward(x))))
    if (this.deep) h = h.add(this.sometimes.forward(h))
    return this.c.forward(h)
  }
}
class Images extends Module {
  constructor() {
    super()
    this.conv = new Conv2d(1, 6, 2)
    this.norm = new BatchNorm2d(6)
    this.dense = new Linear(36, 8)
    this.norm2 = new BatchNorm1d(8)
    this.out = new Linear(8, 5)
  }
  forward(x) {
    const h = relu(this.norm.forward(this.conv.forward(x.reshape([-1, 1, 4, 3]))))
    return this.out.forward(relu(this.norm2.forward(this.dense.forward(h.flatten(1)))))
  }
}
/** Numbers that follow from the place alone, the same in every process. */
const noise = (i) => {
  const x = Math.sin(i * 12.9898) * 43758.5453
  return x - Math.floor(x) - 0.5
}
const labelOf = (i) => Math.floor((noise(i + 0.5) + 0.5) * 5) % 5
function job([kind, rowsText, ...more]) {
  const rows = Number(rowsText)
  const has = (name) => more.includes(name)
  // Every rank begins with other weights: those of the first count.
  manualSeed(rank === 0 ? 3 : 100 + rank)
  const net = kind === 'mlp' ? new Net() : new Images()
  if (has('unused')) net.deep = rank % 2 === 0
  if (has('sync')) dist.SyncBatchNorm.convertSyncBatchnorm(net)
  const model = has('plain')
    ? net
    : new dist.DistributedDataParallel(net, {
        bucketCapMb: 1,
        ...(has('half') && { gradientCompression: 'bfloat16' }),
        ...(has('unused') && { findUnusedParameters: true }),
      })
  model.train()
  const optimizer = has('sgd')
    ? new SGD(model.parameters(), { lr: 0.05, momentum: 0.9, weightDecay: 0.01 })
    : new Adam(model.parameters(), { lr: 1e-3 })

  /** The rows of this rank: a block, of all. */
  function batchOf(step, part, parts) {
    const [from, to] = [part, part + 1].map((p) => Math.floor((p * rows) / parts))
    const list = Array.from({ length: to - from }, (_, i) => step * rows + from + i)
    return [
      tensor(
        list.map((r) => Array.from({ length: 12 }, (_, k) => noise(r * 12 + k) + labelOf(r) * 0.1)),
      ),
      tensor(list.map(labelOf), { dtype: 'int32' }),
    ]
  }
  const half = (x, y, i) => {
    const n = x.shape[0] / 2
    return [x.narrow(0, i * n, n), y.narrow(0, i * n, n)]
  }
  const accumulate = has('accumulate')
  const run = (x, y) => {
    optimizer.zeroGrad()
    let loss
    if (accumulate) {
      const first = () => {
        const [x0, y0] = half(x, y, 0)
        const l = crossEntropy(model.forward(x0), y0).mul(0.5)
        l.backward()
        return l
      }
      const a = has('plain') ? first() : model.noSync(first)
      const [x1, y1] = half(x, y, 1)
      const b = crossEntropy(model.forward(x1), y1).mul(0.5)
      b.backward()
      loss = a.add(b)
    } else {
      loss = crossEntropy(model.forward(x), y)
      loss.backward()
    }
    clipGradNorm(model.parameters(), 1)
    optimizer.step()
    return loss.detach()
  }
  const step = has('eager') ? run : compile(run)
  const losses = []
  // Ranks with other numbers of batches: the first has three more.
  if (has('join')) {
    const own = rank === 0 ? 6 : 3
    model.join(
      () => {
        for (let i = 0; i < own; i++) losses.push(step(...batchOf(i, rank, world)).item())
      },
      { divideByInitialWorldSize: !has('divide') },
    )
  }
  const steps = has('join') ? 0 : has('long') ? 200 : 20
  for (let i = 0; i < steps; i++) {
    const loss = step(...batchOf(i, rank, world)).clone()
    if (!has('plain')) dist.allReduce(loss, 'mean')
    losses.push(loss.item())
  }
  const hash = createHash('sha256')
  for (const [, t] of net.namedParameters())
    hash.update(new Uint8Array(t.toTypedArray().slice().buffer))
  const stats =
    kind === 'mlp'
      ? []
      : [...noGrad(() => net.norm.runningVar.toArray()), ...net.norm2.runningMean.toArray()]
  return { rank, losses, weights: hash.digest('hex'), stats }
}
runJobs(job)
