// What every rank is told about mistakes: `node refusals.mjs NAME...`, one line of JSON a rank.
import { ones, setBackend, tensor, zeros } from 'nabla'
import * as dist from 'nabla/distributed'
import { Linear } from 'nabla/nn'
import { say } from './say.mjs'

const cases = {
  early: () => dist.allReduce(zeros([2])),
  shapes(rank) {
    dist.allReduce(zeros([rank === 1 ? 3 : 2]))
  },
  types(rank) {
    dist.broadcast(rank === 1 ? zeros([2], { dtype: 'int32' }) : zeros([2]))
  },
  operations(rank) {
    if (rank === 1) dist.barrier()
    else dist.allReduce(zeros([2]))
  },
  backends(rank) {
    setBackend(rank === 1 ? 'reference' : 'native')
    dist.allReduce(zeros([2]))
  },
  roots(rank) {
    dist.broadcast(zeros([2]), rank === 1 ? 1 : 0)
  },
  models(rank) {
    new dist.DistributedDataParallel(new Linear(2, rank === 1 ? 3 : 4))
  },
  message(rank) {
    if (rank === 0) dist.send(ones([3]), 1)
    if (rank === 1) dist.recv(zeros([2]), 0)
  },
  list: () => dist.allGather([zeros([2])], ones([2])),
  mean: () => dist.allReduce(tensor([1], { dtype: 'int32' }), 'mean'),
  twice: () => dist.initProcessGroup(),
  self: (rank) => dist.send(ones([1]), rank),
  functions: () => dist.allGatherObject({ f: () => 1 }),
  noList: () => dist.newGroup('all'),
  noOptimizer: () => dist.zeroRedundancy(3),
  noModule: () => dist.SyncBatchNorm.convertSyncBatchnorm('model'),
  outside(rank) {
    const group = dist.newGroup([0])
    if (rank !== 0) dist.barrier({ group })
    else dist.broadcast(zeros([1]), 1, { group })
  },
  ends(rank) {
    if (rank !== 1) dist.allReduce(zeros([2]))
  },
  noSender(rank) {
    if (rank === 0) dist.recv(zeros([2]), 1)
  },
  after() {
    const work = dist.allReduce(zeros([2]), { asyncOp: true })
    dist.destroyProcessGroup()
    work.wait()
  },
  late(rank) {
    dist.markStep(7)
    if (rank === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 6000)
    dist.allReduce(zeros([2]))
  },
}
const names = process.argv.slice(2)
const messages = {}
for (const name of names) {
  messages[name] = 'nothing'
  try {
    if (name !== 'early' && !dist.isInitialized())
      dist.initProcessGroup({ timeout: name === 'late' ? 2 : 60 })
    cases[name](dist.isInitialized() ? dist.getRank() : 0)
  } catch (error) {
    messages[name] = error.message
  }
}
const rank = process.env.OMPI_COMM_WORLD_RANK ?? process.env.PMI_RANK ?? '0'
say({ rank: Number(rank), ...messages })
