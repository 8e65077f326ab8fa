import { callOf } from '../backends/call.js'
import type { Node } from '../backends/ir.js'
import { node } from '../backends/prims.js'
import { TraceError } from '../core/errors.js'
import { inputPrim, signature } from '../ops/eager.js'
import type { Tensor } from '../ops/tensor.js'
import type { CallLog, Recorder } from '../ops/state.js'
import { tracedTensor } from '../ops/trace.js'

/** A tensor outside of the function that the program reads or writes in place. */
export interface Capture {
  node: Node
  /** Finds the tensor for a run: itself, an argument, or the gradient that some tensor has by then. */
  find: (args: readonly Tensor[]) => Tensor | null
  /** What it was like when traced. */
  signature: string
  requiresGrad: boolean
  /** The value that it has in the end, when the function changes it. */
  written?: Node
  tensor: Tensor
  /** The traced tensor that represents it, when it is an argument. */
  standIn?: Tensor | undefined
}

const isView = ({ prim }: Node) => prim.op === 'view' || prim.op === 'reshape'

/** What the function does with the gradient of one tensor. */
export interface GradEntry {
  owner: (args: readonly Tensor[]) => Tensor
  /** Whether the function set it to null before it gave it a value. */
  cleared: boolean
  current: Tensor | null
  /** The traced stand-in of the gradient found at the start. */
  initial: Tensor | null
  capture: Capture | undefined
}

/** A fact that the function depends on, and what it is called when it has changed. */
export interface Guard {
  read: () => unknown
  value: unknown
  name: (() => string | undefined) | undefined
}

/** Finds what a function reads and writes while it is traced. */
export class FunctionRecorder implements Recorder {
  readonly tracesUser = true
  readonly nodes: Node[] = []
  readonly constants = new Map<number, Node>()
  calls: CallLog | undefined
  readonly captures: Capture[] = []
  readonly grads = new Map<Tensor, GradEntry>()
  readonly guards: Guard[] = []
  readonly after: (() => void)[] = []
  protected readonly byTensor = new Map<Tensor, Capture>()
  /** The traced stand-ins of the arguments, and which they are. */
  private readonly argIndex = new Map<Tensor, number>()

  /** The captured tensor whose value a node is or was. */
  protected readonly owners = new Map<Node, Capture>()

  private addCapture(tensor: Tensor, find: Capture['find']): Capture {
    const own: Node = {
      prim: inputPrim(this.captures.length, tensor),
      inputs: [],
      shape: tensor.shape,
      dtype: tensor.dtype,
      label: callOf('input'),
    }
    this.nodes.push(own)
    const capture: Capture = {
      node: own,
      find,
      signature: signature(tensor),
      requiresGrad: tensor.requiresGrad,
      tensor,
    }
    this.captures.push(capture)
    this.owners.set(own, capture)
    return capture
  }

  /** The stand-in of the i-th tensor among the arguments. */
  argument(tensor: Tensor, i: number): Tensor {
    const capture = this.addCapture(tensor, (args) => args[i]!)
    const t = tracedTensor(capture.node, this)
    t.requiresGrad = tensor.requiresGrad
    this.argIndex.set(t, i)
    this.byTensor.set(t, capture)
    capture.standIn = t
    return t
  }

  protected captureOf(t: Tensor): Capture {
    let capture = this.byTensor.get(t)
    if (!capture) {
      if (!t.storage)
        throw new TraceError({
          op: 'compile',
          rule: 'a tensor made while tracing another program cannot be used',
          fix: 'Return it from the compiled function instead of keeping it in a variable.',
        })
      capture = this.addCapture(t, () => t)
      this.byTensor.set(t, capture)
    }
    return capture
  }

  input(t: Tensor): Node {
    const capture = this.captureOf(t)
    return capture.written ?? capture.node
  }

  assign(t: Tensor, value: Node): void {
    const capture = t.recorder === this ? this.byTensor.get(t) : this.captureOf(t)
    if (capture) this.write(capture, value)
    else if (isView(t.node!)) this.assignThrough(t.node!, value)
    if (t.recorder === this && !capture) t.node = value
  }
  private write(capture: Capture, value: Node): void {
    const owner = this.owners.get(value)
    let own = value
    if (owner && owner !== capture) {
      // Views of the two must be told apart.
      own = node({ op: 'map', fn: 'copy' }, [value], undefined, callOf('assign'))
      this.nodes.push(own)
    }
    capture.written = own
    if (capture.standIn) capture.standIn.node = own
    this.owners.set(own, capture)
  }
  /** A value for some elements of a captured tensor: its value from now on is the old one with those in their places. */
  private assignThrough(view: Node, value: Node): void {
    const base = view.inputs[0]!
    const { prim } = view
    const whole =
      prim.op === 'view'
        ? node(
            { op: 'place', shape: base.shape, view: prim.view, fill: 0, accumulate: false },
            [value, base],
            undefined,
            callOf('assign'),
          )
        : node({ op: 'reshape', shape: base.shape }, [value], undefined, callOf('assign'))
    this.nodes.push(whole)
    const capture = this.owners.get(base)
    if (capture && (capture.written ?? capture.node) === base) {
      this.write(capture, whole)
    } else if (isView(base)) this.assignThrough(base, whole)
    else
      throw new TraceError({
        op: 'assign',
        rule: 'inside of compile, a view that is assigned to must be one of a tensor from outside, made after its last change',
        got: capture ? 'a view made before the tensor was changed' : 'a view of a result',
        fix: 'Make the view where it is assigned to, or assign to the whole tensor.',
      })
  }

  private gradEntry(t: Tensor, now: Tensor | null): GradEntry {
    let entry = this.grads.get(t)
    if (!entry) {
      const i = this.argIndex.get(t)
      entry = {
        owner: i === undefined ? () => t : (args) => args[i]!,
        cleared: false,
        current: null,
        initial: null,
        capture: undefined,
      }
      if (now) {
        const { owner } = entry
        entry.capture = this.addCapture(now, (args) => owner(args).rawGrad)
        entry.current = entry.initial = tracedTensor(entry.capture.node, this)
      }
      this.grads.set(t, entry)
    }
    return entry
  }

  readGrad(t: Tensor, now: Tensor | null): Tensor | null {
    const known = this.grads.get(t)
    if (known) return known.current
    // A stand-in of an argument: the gradient is the argument's.
    const i = this.argIndex.get(t)
    if (i === undefined) this.guard(() => t.rawGrad === null)
    return this.gradEntry(t, now).current
  }

  writeGrad(t: Tensor, value: Tensor | null): void {
    const entry = this.gradEntry(t, null)
    if (!value) entry.cleared = true
    entry.current = value
  }

  /** What waits for the end of the trace. */
  readonly waiting: (() => void)[] = []
  whenTraced(f: () => void): void {
    this.waiting.push(f)
  }

  /** Lets go of the graph: what stays of a trace are its captured tensors and its guards. */
  release(): void {
    for (const capture of this.captures) {
      if (capture.standIn) capture.standIn.node = undefined
      capture.standIn = undefined
      if (capture.written) capture.written = capture.node
    }
    this.nodes.length = 0
    this.constants.clear()
    this.grads.clear()
    this.byTensor.clear()
    this.argIndex.clear()
    this.owners.clear()
    this.waiting.length = 0
  }

  afterRun(f: () => void): void {
    this.after.push(f)
  }

  guard(read: () => unknown, name?: () => string | undefined): void {
    this.guards.push({ read, value: read(), name })
  }
}
