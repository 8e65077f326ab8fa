/** A function as the graph of the operations and modules that it calls, each with what went in and what came out. */
import { requireFunction } from '../core/options.js'
import type { Call } from '../backends/call.js'
import type { Node } from '../backends/ir.js'
import { flopsOf } from '../backends/prims.js'
import type { DType } from '../core/dtype.js'
import { type Shape, show } from '../core/shape.js'
import { leaves } from '../core/tree.js'
import type { CallLog } from '../ops/state.js'
import { Tensor } from '../ops/tensor.js'
import { nodeOf } from '../ops/trace.js'
import { record } from './compile.js'

/** A tensor of a call graph. */
export interface CallValue {
  /** Its number in the graph. */
  readonly id: number
  readonly shape: Shape
  readonly dtype: DType
  /** An argument of the function, a tensor from outside (a parameter), a number, or the result of a call. */
  readonly kind: 'argument' | 'captured' | 'constant' | 'computed'
  /** The argument or the tensor from outside. */
  readonly tensor?: Tensor
  /** The number of a constant. */
  readonly value?: number
}

/** One call of an operation, of a module's forward, of a loop, or of an operation's gradient. */
export interface CallRecord {
  /** The operation, or the module's path in the module around it: `crossEntropy`, `blocks.0`, `linear backward`. */
  readonly name: string
  readonly kind: 'operation' | 'module' | 'loop' | 'backward'
  /** The path of the innermost module, itself included: `SimpleCNN.conv1`; '' outside of modules. */
  readonly module: string
  /** The module; of an operation its specification. */
  readonly target: object
  /** All that the operation was told besides tensors. */
  readonly attrs: Readonly<Record<string, unknown>>
  readonly inputs: readonly CallValue[]
  readonly outputs: readonly CallValue[]
  /** The call that made this one, and the calls that this one made, in order. */
  readonly outer: CallRecord | undefined
  readonly inner: readonly CallRecord[]
  /** Floating-point operations, those of inner calls included. */
  readonly flops: number
}

type Open<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] }
type Draft = Open<CallRecord>

const isTensor = (v: unknown): v is Tensor => v instanceof Tensor
/** Anything an attribute can be, in a few characters. */
const brief = (v: unknown): string =>
  typeof v === 'object' && v !== null && !Array.isArray(v)
    ? `{${Object.entries(v).map(([k, x]) => `${k}: ${brief(x)}`)}}`
    : Array.isArray(v)
      ? `[${v.map(brief)}]`
      : typeof v === 'function'
        ? 'function'
        : `${typeof v === 'string' ? JSON.stringify(v) : v}`

/** What a function calls. */
export class CallGraph {
  /** The outermost calls, in order; `inner` has those that they made. */
  readonly calls: readonly CallRecord[]
  readonly inputs: readonly CallValue[]
  readonly outputs: readonly CallValue[]
  constructor(calls: CallRecord[], inputs: CallValue[], outputs: CallValue[]) {
    this.calls = calls
    this.inputs = inputs
    this.outputs = outputs
  }
  /** Every call, each before those that it made. */
  *all(calls: readonly CallRecord[] = this.calls): Generator<CallRecord> {
    for (const c of calls) {
      yield c
      yield* this.all(c.inner)
    }
  }
  /** A line for each call, those that it made indented below it. */
  toString(): string {
    const kind = (v: CallValue) => `${v.dtype}${show(v.shape)}`
    const name = (v: CallValue) =>
      v.kind === 'constant'
        ? `${v.value}`
        : v.kind === 'computed'
          ? `%${v.id}`
          : `%${v.id} (${v.kind})`
    const lines = (calls: readonly CallRecord[], indent: string): string[] =>
      calls.flatMap((c) => {
        const given = [
          ...c.inputs.map(name),
          ...Object.entries(c.attrs).flatMap(([k, v]) =>
            v === undefined ? [] : [`${k}: ${brief(v)}`],
          ),
        ]
        const made = c.outputs.map((v) => `%${v.id}: ${kind(v)}`).join(', ')
        const text = `${indent}${made === '' ? '' : `${made} = `}${c.name}(${given.join(', ')})`
        return [text, ...lines(c.inner, `${indent}  `)]
      })
    return [
      `(${this.inputs.map((v) => `%${v.id}: ${kind(v)}`).join(', ')})`,
      ...lines(this.calls, '  '),
      `gives ${this.outputs.map(name).join(', ')}`,
    ].join('\n')
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

/** Keeps what the recorder is told of. */
class Log implements CallLog {
  readonly top: Draft[] = []
  private readonly open: Draft[] = []
  readonly records = new Map<Call, Draft>()
  private readonly values = new Map<Node, CallValue>()
  /** The tensors that nodes stand for. */
  readonly outside = new Map<Node, { kind: 'argument' | 'captured'; tensor: Tensor }>()

  value(node: Node): CallValue {
    let v = this.values.get(node)
    if (!v) {
      const { shape, dtype, prim } = node
      const from: Partial<CallValue> =
        prim.op === 'const'
          ? { kind: 'constant', value: prim.value }
          : (this.outside.get(node) ?? { kind: 'computed' })
      v = { id: this.values.size, shape, dtype, kind: 'computed', ...from }
      this.values.set(node, v)
    }
    return v
  }
  valueOf(t: Tensor): CallValue {
    const node = nodeOf(t)
    if (!t.recorder && node.prim.op === 'input')
      this.outside.set(node, { kind: 'captured', tensor: t })
    return this.value(node)
  }
  private valuesIn(tree: unknown): CallValue[] {
    return [...leaves(tree, isTensor)].map(([, t]) => this.valueOf(t))
  }
  begin(call: Call, target: object, attrs: object, inputs: readonly unknown[]): void {
    const kind =
      call.kind !== 'operation'
        ? call.kind
        : call.name.endsWith(' backward')
          ? 'backward'
          : 'operation'
    // The frame of a gradient is in the module of the forward; it was called by who walks back.
    const outer = this.open[this.open.length - 1]
    const made: Draft = {
      name: call.name,
      kind,
      module: call.layer,
      target,
      attrs: { ...attrs },
      inputs: this.valuesIn(inputs),
      outputs: [],
      outer,
      inner: [],
      flops: 0,
    }
    this.records.set(call, made)
    ;(outer?.inner ?? this.top).push(made)
    this.open.push(made)
  }
  end(call: Call, outputs: readonly unknown[]): void {
    this.open.pop()
    this.records.get(call)?.outputs.push(...this.valuesIn(outputs))
  }
}

/**
 * Runs `fn` on stand-ins of its arguments and gives the graph of its calls: operations with their attributes, the modules
 * that made them, gradients where `fn` computes some. Nothing is computed and no tensor changes; `fn` sees what it would
 * see in `compile`. A compiled function is taken as the function it was made of. PyTorch: torch.fx.symbolic_trace.
 * @throws TraceError when `fn` reads a value (`item`, `toArray`)
 * @example symbolicTrace((x) => softmax(x.mul(2), 0), ones([3])).calls.map((c) => c.name) // ['mul', 'softmax']
 */
export function symbolicTrace<A extends unknown[]>(
  fn: (...args: A) => unknown,
  ...args: A
): CallGraph {
  requireFunction('symbolicTrace', fn)
  const log = new Log()
  const inputs: CallValue[] = []
  const outputs: CallValue[] = []
  const { recorder } = record(
    fn as never,
    args,
    (node) => outputs.push(log.value(node)),
    (recorder) => {
      recorder.calls = log
      for (const { node, tensor } of recorder.captures) {
        log.outside.set(node, { kind: 'argument', tensor })
        inputs.push(log.value(node))
      }
    },
  )
  for (const n of recorder.nodes)
    for (let c = log.records.get(n.label); c; c = c.outer as Draft | undefined)
      c.flops += flopsOf(n)
  return new CallGraph(log.top, inputs, outputs)
}
