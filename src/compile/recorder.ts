import type { Node } from '../backends/ir.js'
import { node } from '../backends/prims.js'
import { TraceError } from '../core/errors.js'
import { inputPrim, signature } from '../ops/eager.js'
import type { Tensor } from '../ops/tensor.js'
import type { Recorder } from '../ops/state.js'
import { tracedTensor } from '../ops/trace.js'

/** A tensor outside of the function that the program reads or writes in place. */
export interface Box {
  node: Node
  /** Finds the tensor for a run: itself, an argument, or the gradient that some tensor has by then. */
  find: (args: readonly Tensor[]) => Tensor | null
  /** What it was like when traced. */
  signature: string
  requiresGrad: boolean
  /** The value that it has in the end, when the function changes it. */
  written?: Node
  tensor: Tensor
  /** The traced tensor that stands for it, when it is an argument. */
  standIn?: Tensor
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
  box: Box | undefined
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
  readonly boxes: Box[] = []
  readonly grads = new Map<Tensor, GradEntry>()
  readonly guards: Guard[] = []
  readonly after: (() => void)[] = []
  private readonly byTensor = new Map<Tensor, Box>()
  /** The traced stand-ins of the arguments, and which they are. */
  private readonly argIndex = new Map<Tensor, number>()

  /** The captured tensor whose value a node is or was. */
  private readonly owners = new Map<Node, Box>()

  private addBox(tensor: Tensor, find: Box['find']): Box {
    const own: Node = {
      prim: inputPrim(this.boxes.length, tensor),
      inputs: [],
      shape: tensor.shape,
      dtype: tensor.dtype,
      label: 'input',
    }
    this.nodes.push(own)
    const box: Box = {
      node: own,
      find,
      signature: signature(tensor),
      requiresGrad: tensor.requiresGrad,
      tensor,
    }
    this.boxes.push(box)
    this.owners.set(own, box)
    return box
  }

  /** The stand-in of the i-th tensor among the arguments. */
  argument(tensor: Tensor, i: number): Tensor {
    const box = this.addBox(tensor, (args) => args[i]!)
    const t = tracedTensor(box.node, this)
    t.requiresGrad = tensor.requiresGrad
    this.argIndex.set(t, i)
    this.byTensor.set(t, box)
    box.standIn = t
    return t
  }

  private boxOf(t: Tensor): Box {
    let box = this.byTensor.get(t)
    if (!box) {
      if (!t.storage)
        throw new TraceError({
          op: 'compile',
          rule: 'a tensor made while tracing another program cannot be used',
          fix: 'Return it from the compiled function instead of keeping it in a variable.',
        })
      box = this.addBox(t, () => t)
      this.byTensor.set(t, box)
    }
    return box
  }

  input(t: Tensor): Node {
    const box = this.boxOf(t)
    return box.written ?? box.node
  }

  assign(t: Tensor, value: Node): void {
    const box = t.recorder === this ? this.byTensor.get(t) : this.boxOf(t)
    if (box) this.write(box, value)
    else if (isView(t.node!)) this.assignThrough(t.node!, value)
    if (t.recorder === this && !box) t.node = value
  }
  private write(box: Box, value: Node): void {
    const owner = this.owners.get(value)
    let own = value
    if (owner && owner !== box) {
      // Views of the two must be told apart.
      own = node({ op: 'map', fn: 'copy' }, [value], undefined, 'assign')
      this.nodes.push(own)
    }
    box.written = own
    if (box.standIn) box.standIn.node = own
    this.owners.set(own, box)
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
            'assign',
          )
        : node({ op: 'reshape', shape: base.shape }, [value], undefined, 'assign')
    this.nodes.push(whole)
    const box = this.owners.get(base)
    if (box && (box.written ?? box.node) === base) {
      this.write(box, whole)
    } else if (isView(base)) this.assignThrough(base, whole)
    else
      throw new TraceError({
        op: 'assign',
        rule: 'inside of compile, a view that is assigned to must be one of a tensor from outside, made after its last change',
        got: box ? 'a view made before the tensor was changed' : 'a view of a result',
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
        box: undefined,
      }
      if (now) {
        const { owner } = entry
        entry.box = this.addBox(now, (args) => owner(args).rawGrad)
        entry.current = entry.initial = tracedTensor(entry.box.node, this)
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

  afterRun(f: () => void): void {
    this.after.push(f)
  }

  guard(read: () => unknown, name?: () => string | undefined): void {
    this.guards.push({ read, value: read(), name })
  }
}
