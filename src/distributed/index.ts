/** `nabla/distributed`: training by several processes and machines over MPI, with PyTorch's torch.distributed names. */
export {
  allGather,
  allGatherIntoTensor,
  allReduce,
  allToAllSingle,
  barrier,
  broadcast,
  gather,
  reduceScatter,
  reduceScatterTensor,
  scatter,
} from './collectives.js'
export { DistributedDataParallel, type DistributedDataParallelOptions } from './ddp.js'
import './fitting.js'

export * as functional from './functional.js'
export { allGatherObject, broadcastObject } from './objects.js'
export { DistributedSampler, type DistributedSamplerOptions } from './sampler.js'
export { type ModelAveragerOptions, PeriodicModelAverager, postLocalSGD } from './localSgd.js'
export { ZeroRedundancyOptimizer, zeroRedundancy } from './zero.js'
export { SyncBatchNorm } from './syncBatchNorm.js'
export { irecv, isend, type MessageOptions, recv, send } from './messages.js'
export {
  type AllReduceOptions,
  type FromOptions,
  type Given,
  type GroupOptions,
  ReduceOp,
  type ToOptions,
  Work,
} from './orders.js'
export {
  destroyProcessGroup,
  DistributedError,
  getGlobalRank,
  getRank,
  getWorldSize,
  initProcessGroup,
  isInitialized,
  markStep,
  newGroup,
  ProcessGroup,
  type ProcessGroupOptions,
} from './world.js'
