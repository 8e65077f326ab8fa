/** The body of a loop while it is traced, once for all iterations. */
import { callOf } from '../backends/call.js'
import type { Node, Prim } from '../backends/ir.js'
import type { DType } from '../core/dtype.js'
import { TraceError } from '../core/errors.js'
import { type Shape, sizeOf, stridesOf } from '../core/shape.js'
import { expand } from '../ops/broadcast.js'
import { signature } from '../ops/eager.js'
import { withState } from '../ops/state.js'
import type { Tensor } from '../ops/tensor.js'
import { constant, nodeOf, tracedTensor } from '../ops/trace.js'
import { type Capture, FunctionRecorder } from './recorder.js'

/** A node of the recorder around a loop for a tensor that the body reads. */
export const nodeIn = (around: FunctionRecorder, t: Tensor): Node =>
  withState('recorder', around, () => nodeOf(t))

const everywhere = (around: FunctionRecorder, value: number, like: Tensor): Node =>
  withState('recorder', around, () => nodeOf(expand(constant(value, like.dtype), like.shape)))

/** A tensor that the body reads, with its node around the loop. */
interface Outside extends Capture {
  readonly outer: Node
  /** What the body writes to it is of no interest. */
  readonly local: boolean
}

/** What the body does with the gradient of one tensor. */
interface LoopGrad {
  current: Tensor | null
  /** The body looked at it before it set it. */
  readFirst: boolean
  cleared: boolean
  /** The gradient from before: its node in the body and around the loop. */
  carry: { node: Node; outer: Node } | undefined
}

/** A value that each iteration hands to the next one: its nodes in the body, and the one that the loop begins with. */
export interface Carried {
  readonly from: Node
  readonly to: Node
  readonly outer: Node
}

/**
 * Records the body. Tensors from outside become inputs; those that the body assigns to, and gradients that it adds to,
 * are handed from iteration to iteration.
 */
export class LoopRecorder extends FunctionRecorder {
  private readonly around: FunctionRecorder
  /** Tensors without a gradient before the loop that get one in it, to which the next iteration adds. */
  private readonly accumulated: ReadonlySet<Tensor>
  private readonly byNode = new Map<Node, Outside>()
  private readonly gradsOf = new Map<Tensor, LoopGrad>()
  /** The body runs a second time, for its gradient: what it does to the world has been done. */
  again = false

  constructor(around: FunctionRecorder, accumulated: ReadonlySet<Tensor>) {
    super()
    this.around = around
    this.accumulated = accumulated
  }

  private inputNode(shape: Shape, dtype: DType): Node {
    const prim: Prim = {
      op: 'input',
      index: -1,
      strides: stridesOf(shape),
      offset: 0,
      length: sizeOf(shape),
    }
    const own: Node = { prim, inputs: [], shape, dtype, label: callOf('input') }
    this.nodes.push(own)
    return own
  }
  /** What stands for a carried value or a slice. */
  standIn(shape: Shape, dtype: DType, requiresGrad: boolean): Tensor {
    const t = tracedTensor(this.inputNode(shape, dtype), this)
    t.requiresGrad = requiresGrad
    return t
  }

  protected override captureOf(t: Tensor): Capture {
    const known = this.byTensor.get(t)
    if (known) return known
    const outer = nodeIn(this.around, t)
    const capture =
      this.byNode.get(outer) ?? this.capture(t, outer, this.inputNode(t.shape, t.dtype), false)
    this.byTensor.set(t, capture)
    return capture
  }
  private capture(tensor: Tensor, outer: Node, node: Node, local: boolean): Outside {
    const { requiresGrad } = tensor
    const capture: Outside = {
      node,
      outer,
      local,
      tensor,
      requiresGrad,
      signature: tensor.storage ? signature(tensor) : '',
      find: () => tensor,
    }
    this.captures.push(capture)
    this.byNode.set(outer, capture)
    this.owners.set(node, capture)
    return capture
  }
  foreign(t: Tensor): Node {
    return this.input(t)
  }
  /** Has the body find `value`, one of its own tensors, in the place of a tensor from outside. */
  replace(t: Tensor, value: Tensor): void {
    this.byTensor.set(t, this.capture(t, nodeIn(this.around, t), value.node!, true))
  }

  override readGrad(t: Tensor, now: Tensor | null): Tensor | null {
    const known = this.gradsOf.get(t)
    if (known) return known.current
    const grad: LoopGrad = { current: null, readFirst: true, cleared: false, carry: undefined }
    this.gradsOf.set(t, grad)
    if (t.recorder === this || this.again) return null
    const before = this.around.readGrad(t, now)
    if (before || this.accumulated.has(t)) {
      // -0 and x is x, for every x.
      const outer = before ? nodeIn(this.around, before) : everywhere(this.around, -0, t)
      grad.carry = { node: this.inputNode(t.shape, t.dtype), outer }
      grad.current = tracedTensor(grad.carry.node, this)
    }
    return grad.current
  }
  override writeGrad(t: Tensor, value: Tensor | null): void {
    let grad = this.gradsOf.get(t)
    if (!grad) {
      grad = { current: null, readFirst: false, cleared: false, carry: undefined }
      this.gradsOf.set(t, grad)
    }
    if (!value) grad.cleared = true
    grad.current = value
  }

  /** The tensors from outside that are read and stay as they are. */
  *read(): Generator<readonly [Tensor, Capture]> {
    for (const [t, c] of this.byTensor)
      if (!(c as Outside).local && !this.isWritten(c)) yield [t, c]
  }
  private isWritten(c: Capture): boolean {
    return c.written !== undefined && c.written !== c.node
  }
  /** Captures whose value stays the same. */
  get unchanged(): { from: Node; outer: Node }[] {
    return [...this.byNode.values()]
      .filter((c) => !c.local && !this.isWritten(c))
      .map(({ node, outer }) => ({ from: node, outer }))
  }
  /** Tensors from outside that the body assigns to. */
  get assigned(): (Carried & { tensor: Tensor })[] {
    return [...this.byNode.values()]
      .filter((c) => !c.local && this.isWritten(c))
      .map((c) => ({ from: c.node, to: c.written!, outer: c.outer, tensor: c.tensor }))
  }
  /** Tensors whose gradient the next iteration would find and add to, which this trace did not know. */
  get growing(): Tensor[] {
    if (this.again) return []
    return [...this.gradsOf]
      .filter(([t, g]) => t.recorder !== this && g.readFirst && g.current && !g.carry)
      .map(([t]) => t)
  }
  /** Gradients that are there after an iteration. To be called once. */
  gradients(): (Carried & { tensor: Tensor })[] {
    if (this.again) return []
    const list: (Carried & { tensor: Tensor })[] = []
    for (const [tensor, { current, carry }] of this.gradsOf) {
      if (tensor.recorder === this) continue
      if (carry && !current)
        throw new TraceError({
          op: 'scan',
          rule: 'a gradient must be there before each iteration of a loop, or before none',
          got: `one that the first iteration finds and clears, of a tensor [${tensor.shape}]`,
          fix: 'Call optimizer.zeroGrad() before the loop, or at the beginning of its body.',
        })
      if (!current) continue
      const from = carry?.node ?? this.inputNode(tensor.shape, tensor.dtype)
      const outer = carry?.outer ?? everywhere(this.around, 0, tensor)
      list.push({ from, to: nodeIn(this, current), outer, tensor })
    }
    return list
  }

  /** Tells the recorder around the loop what the body asked for. */
  commit(): void {
    if (this.again) return
    for (const { read, name } of this.guards) this.around.guard(read, name)
    for (const f of this.after) this.around.afterRun(f)
    for (const f of this.waiting) this.around.whenTraced(f)
    for (const [t, { cleared }] of this.gradsOf)
      if (cleared && t.recorder !== this) this.around.writeGrad(t, null)
  }
}
