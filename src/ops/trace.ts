import { type Recorder, type Replay, state } from './state.js'
import type { Node, Prim } from '../backends/ir.js'
import { constNode, type Known, node } from '../backends/prims.js'
import type { DType } from '../core/dtype.js'
import { TraceError } from '../core/errors.js'
import type { Shape } from '../core/shape.js'
import { Tensor } from './tensor.js'

function recording(): Recorder {
  if (!state.recorder)
    throw new TraceError({ op: 'prim', rule: 'primitives are recorded, inside of an operation' })
  return state.recorder
}

export function nodeOf(t: Tensor): Node {
  const r = recording()
  if (t.recorder === undefined) return r.input(t)
  if (t.recorder !== r && t.node && r.foreign) return r.foreign(t)
  if (t.recorder !== r || !t.node)
    throw new TraceError({
      op: state.call?.operation ?? 'compile',
      rule: 'a tensor made while tracing lives only in the program being traced',
      fix: 'Return it from the compiled function instead of keeping it in a variable.',
    })
  return t.node
}

function traced(n: Node): Tensor {
  const r = recording()
  r.nodes.push(n)
  return tracedTensor(n, r)
}

/** Records a primitive; the only way in which an operation does anything. */
export function prim(p: Known, inputs: readonly Tensor[] = [], dtype?: DType): Tensor {
  return recorded(p, inputs, dtype)
}
/** The same for a primitive that is recorded already, of whatever family. */
export function recorded(p: Prim, inputs: readonly Tensor[] = [], dtype?: DType): Tensor {
  const n = node(p, inputs.map(nodeOf), dtype, state.call)
  if (state.fence !== 0) n.fence = state.fence
  return traced(n)
}

/** Is a segment being computed a second time? */
export function replaying(): boolean {
  for (let r = state.replay; r; r = r.parent) if (r.replaying) return true
  return false
}

/** The state of a generator at a draw: `make` gives it and moves on; the second computation gets it again. */
export function drawn(make: () => Tensor, r: Replay | undefined): Tensor {
  if (!r) return make()
  if (r.replaying) return r.draws[r.next++]!
  const t = drawn(make, r.parent)
  r.draws.push(t)
  return t
}

/** The node of a number: a program has one for each. */
function constantNode(r: Recorder, value: number, dtype: DType): Node {
  r.constants ??= new Map()
  const known = r.constants.get(value)
  // A map takes -0 for 0.
  if (known?.dtype === dtype && (value !== 0 || sameZero(known, value))) return known
  const n = constNode(value, dtype)
  r.nodes.push(n)
  r.constants.set(value, n)
  return n
}
const sameZero = ({ prim }: Node, value: number): boolean =>
  prim.op === 'const' && Object.is(prim.value, value)

/** A number inside of an operation; shape []. */
export function constant(value: number, dtype: DType = 'float32'): Tensor {
  const r = recording()
  return tracedTensor(constantNode(r, value, dtype), r)
}

/** int32 coordinates along an axis. */
export function iota(shape: Shape, axis: number): Tensor {
  return prim({ op: 'iota', shape, axis })
}

/** The nodes that the outputs need, producers first. */
export function reachable(nodes: readonly Node[], outputs: readonly Node[]): Node[] {
  for (let i = 0; i < nodes.length; i++) nodes[i]!.index = i
  const wanted = new Uint8Array(nodes.length)
  for (const n of outputs) wanted[n.index!] = 1
  for (let i = nodes.length - 1; i >= 0; i--) {
    if (!wanted[i]) continue
    const { inputs } = nodes[i]!
    for (let k = 0; k < inputs.length; k++) wanted[inputs[k]!.index!] = 1
  }
  return nodes.filter((_, i) => wanted[i])
}

/** A traced tensor for a node made elsewhere. */
export function tracedTensor(n: Node, recorder: Recorder): Tensor {
  return new Tensor(n.shape, n.dtype, { node: n, recorder })
}
