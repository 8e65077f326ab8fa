/** Activations that are computed again in the backward pass instead of being kept. */
import { requireFunction } from '../core/options.js'
import { type GradNode, type OpRecord, Tensor } from '../ops/tensor.js'
import { type Replay, state, withState } from '../ops/state.js'
import { collect, detach, walk } from './backward.js'

interface Segment {
  run: () => readonly Tensor[]
  replay: Replay
  /** What the second computation starts from; a surrounding `tidy` leaves it. */
  inputs: readonly Tensor[]
}

const record: OpRecord = {
  name: 'checkpoint',
  dynamic: true,
  vjp(
    ct: Tensor | readonly (Tensor | null)[],
    sources: readonly Tensor[],
    _out: never,
    { run, replay }: Segment,
  ) {
    const cts = ct instanceof Tensor ? [ct] : ct
    const createGraph = state.gradEnabled
    const since = state.order
    const again: Replay = { ...replay, replaying: true, next: 0, parent: state.replay }
    const outs = withState('fence', ++fences, () =>
      withState('gradEnabled', true, () => withState('replay', again, run)),
    )
    const pairs = outs.map((t, i) => ({ t, ct: cts[i] })).filter((p) => p.ct && p.t.requiresGrad)
    const found = walk(
      'checkpoint',
      pairs.map((p) => p.t),
      pairs.map((p) => p.ct!),
      new Set(sources),
      { createGraph },
      since,
    )
    return sources.map((t) => found.get(t) ?? null)
  },
} as OpRecord
let fences = 0
const listOf = (r: Tensor | readonly Tensor[]): readonly Tensor[] => (r instanceof Tensor ? [r] : r)

/**
 * `fn(...inputs)`, of which only inputs and results are kept for the backward pass: what lies between is computed again
 * when the walk comes there, which saves memory for one more forward pass. Gradients, also those of parameters that
 * `fn` uses, are the same bits; random numbers repeat; what `fn` writes (running statistics) it writes once.
 * In `compile` the second computation stays apart from the first. Chen et al., 2016; PyTorch: torch.utils.checkpoint.
 * @example checkpoint((x) => x.exp().log(), tensor([1, 2])) // [1, 2]
 */
export function checkpoint<A extends Tensor[], R extends Tensor | readonly Tensor[]>(
  fn: (...inputs: A) => R,
  ...inputs: A
): R {
  requireFunction('checkpoint', fn)
  if (!state.gradEnabled) return fn(...inputs)
  const since = state.order
  const replay: Replay = { replaying: false, draws: [], next: 0, parent: state.replay }
  const result = withState('replay', replay, () => fn(...inputs))
  const outs = listOf(result)
  // What the segment starts from: whatever needs a gradient and was not made inside.
  const inside = new Set(collect(outs, since))
  const made = (t: Tensor) => t.gradNode !== undefined && inside.has(t.gradNode)
  const sources = new Set<Tensor>()
  for (const node of inside)
    for (const t of node.inputs) if (t.requiresGrad && !made(t)) sources.add(t)
  if (sources.size === 0) return result
  const cut = outs.map(made)
  const results = outs.map((t, i) => (cut[i] ? detach(t) : t))
  const listed = [...sources]
  const node: GradNode = {
    op: record,
    attrs: {
      run() {
        return listOf(fn(...inputs)).filter((_, i) => cut[i])
      },
      replay,
      inputs,
    } satisfies Segment,
    inputs: listed,
    versions: listed.map((t) => t.version),
    outputs: results.filter((_, i) => cut[i]),
    order: state.order++,
    call: state.call,
    freed: false,
  }
  for (const t of node.outputs) {
    t.requiresGrad = true
    t.gradNode = node
  }
  return (result instanceof Tensor ? results[0] : results) as R
}
