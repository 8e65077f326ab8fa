/** The name that was most likely meant. */
import { editDistance } from './editDistance.js'

/** Names of PyTorch and Keras whose spelling does not lead to ours. */
const renamed: Record<string, readonly string[]> = {
  axis: ['axes'],
  axes: ['axis'],
  dim: ['axis', 'axes'],
  startdim: ['startAxis'],
  enddim: ['endAxis'],
  unflattenedsize: ['shape'],
  lambd: ['lambda'],
  dims: ['axes', 'axis'],
  keepdims: ['keepdim'],
  unbiased: ['correction'],
  learningrate: ['lr'],
  decay: ['weightDecay', 'lrDecay'],
  beta1: ['betas'],
  beta2: ['betas'],
  epsilon: ['eps'],
  rate: ['p', 'lr'],
  probability: ['p'],
  prob: ['p'],
  usebias: ['bias'],
  strides: ['stride'],
  pad: ['padding'],
  filters: ['outChannels'],
  units: ['outFeatures', 'hiddenSize'],
  numworkers: ['workers'],
  datadir: ['folder', 'root'],
  nepochs: ['epochs'],
  numepochs: ['epochs'],
  maxepochs: ['epochs'],
  device: ['backend'],
  labels: ['classes', 'targets'],
  randomstate: ['seed'],
  randomseed: ['seed'],
  maxiter: ['nIter'],
  niter: ['maxIter'],
  nclusters: ['nComponents'],
  k: ['nClusters', 'nNeighbors'],
  targetnames: ['names'],
  folds: ['cv'],
  nsplits: ['cv', 'k'],
  eta0: ['lr'],
  learningrateinit: ['lr'],
  scorefunc: ['score'],
}
/** Options that other frameworks have and nabla has no use for. */
const needless: Record<string, string> = {
  inplace: 'Operations give new tensors here, and compile reuses memory: leave it out.',
  device: "setBackend('native') or setBackend('wasm') chooses where tensors live: leave it out.",
  pinmemory: 'There is no device to copy to: leave it out.',
  foreach: 'compile makes one program of the whole step: leave it out.',
  fused: 'compile makes one program of the whole step: leave it out.',
  capturable: 'compile makes one program of the whole step: leave it out.',
  sizeaverage: "PyTorch has given it up: use reduction: 'mean' or 'sum'.",
  reduce: "PyTorch has given it up: use reduction: 'none', 'mean' or 'sum'.",
  dtype: 'Convert afterwards: t.to(dtype).',
}

const bare = (name: string) => name.replace(/[_\-\s]/g, '').toLowerCase()

/**
 * The known name that was most likely meant: the same but for underscores and case (`batch_size`), another
 * framework's name for it (`dim`), or one that differs by a letter or two (`patiance`); undefined: none is near.
 */
export function suggest(name: string, known: readonly string[]): string | undefined {
  const own = bare(name)
  const same = known.find((k) => bare(k) === own)
  if (same) return same
  const other = (Object.hasOwn(renamed, own) ? renamed[own] : undefined)?.find((k) =>
    known.includes(k),
  )
  if (other) return other
  let best: string | undefined
  let least = own.length <= 3 ? 1.5 : own.length / 3 + 0.5
  for (const k of known) {
    const d = editDistance(own, bare(k))
    if (d < least && d < bare(k).length) [best, least] = [k, d]
  }
  if (best) return best
  const begun = known.filter((k) => own.length > 2 && bare(k).startsWith(own))
  return begun.length === 1 ? begun[0] : undefined
}

/** What to write instead of an option that is not known. */
export function advise(name: string, known: readonly string[]): string | undefined {
  const meant = suggest(name, known)
  if (meant) return `Did you mean ${meant}?`
  const own = bare(name)
  return Object.hasOwn(needless, own) ? needless[own] : undefined
}

declare module './extras.js' {
  interface Extras {
    advise: typeof advise
  }
}
