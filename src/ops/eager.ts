/**
 * Eager execution: an operation is traced once for each signature of its inputs, and the program is kept.
 * There is one executor, the backend's; what differs from `compile` is only who decides what one program holds.
 */
import type { Backend, Executable, Storage } from '../backends/backend.js'
import { callOf } from '../backends/call.js'
import type { Node, Prim } from '../backends/ir.js'
import { node } from '../backends/prims.js'
import type { DType } from '../core/dtype.js'
import { TraceError } from '../core/errors.js'
import { isContiguous, type Shape, sizeOf, stridesOf } from '../core/shape.js'
import { affine, constantOf, reshapeStrides, viewLayout } from '../backends/layout.js'
import { backendOf, checkDType, Tensor } from './tensor.js'
import { type Recorder, state, withState } from './state.js'
import { reachable, tracedTensor } from './trace.js'

/** Layout in short: `f[2,3]`, with strides when they are not row-major. */
export function signature(t: Tensor): string {
  t.signature ??= t.isContiguous ? `${t.dtype}${t.shape}` : `${t.dtype}${t.shape}/${t.strides}`
  return t.signature
}

/** The distance from a tensor's first element down to its lowest address, in elements. */
export function reach(shape: Shape, strides: readonly number[]): { below: number; length: number } {
  let below = 0
  let above = 0
  for (let a = 0; a < shape.length; a++) {
    if (shape[a] === 0) return { below: 0, length: 0 }
    const span = strides[a]! * (shape[a]! - 1)
    if (span < 0) below -= span
    else above += span
  }
  return { below, length: below + above + 1 }
}

/** The input primitive through which a program sees a tensor's layout, at whatever place in its storage. */
export function inputPrim(index: number, t: Tensor): Prim {
  const { below, length } = reach(t.shape, t.strides)
  return { op: 'input', index, strides: t.strides, offset: below, length }
}

export function inputNode(index: number, t: Tensor): Node {
  return {
    prim: inputPrim(index, t),
    inputs: [],
    shape: t.shape,
    dtype: t.dtype,
    label: callOf('input'),
  }
}

/** A primitive that moves elements and computes nothing. */
export type Move = Extract<Prim, { op: 'view' | 'reshape' }>

/** A tensor's elements as the primitive shows them, in the same memory; undefined where that needs a copy. */
export function moved(t: Tensor, prim: Move): Tensor | undefined {
  const { storage, strides, offset, dtype, shape } = t
  if (!storage) return undefined
  if (prim.op === 'view') {
    const at = viewLayout(prim.view, strides, offset)
    return new Tensor(prim.view.shape, dtype, { storage, offset: at.offset, strides: at.strides })
  }
  const own = reshapeStrides(shape, strides, prim.shape)
  return own && new Tensor(prim.shape, dtype, { storage, offset, strides: own })
}

/** Records the body of one operation. */
class OpRecorder implements Recorder {
  readonly tracesUser = false
  readonly nodes: Node[] = []
  input(): Node {
    throw new TraceError({
      op: state.call?.operation ?? 'eager',
      rule: 'the body of an operation may use only the inputs that args() names',
    })
  }
  assign(): void {
    this.input()
  }
  readGrad(): null {
    this.input()
    return null
  }
  writeGrad(): void {
    this.input()
  }
  guard(): void {}
}

interface Result {
  shape: Shape
  dtype: DType
  strides: readonly number[]
  signature: string
  /** A view of input `of`, `offset` elements from its first one; otherwise memory of its own. */
  of: number
  offset: number
  /** The value of all elements, where it is one and the same; otherwise they are computed. */
  value: number | undefined
}

interface Plan {
  /** One an output of the body; null where the body gave none. */
  results: (Result | null)[]
  executable: Executable | undefined
  /** Which inputs the program reads, and how far below their first element it binds them. */
  used: number[]
  below: number[]
}

/** The number that stands at every place of a node, if there is one: what `zeros` gives needs no program. */
function everywhere(n: Node): number | undefined {
  if (n.prim.op === 'map' && n.prim.fn === 'copy') return everywhere(n.inputs[0]!)
  const prim = constantOf(n)?.prim
  if (prim?.op !== 'const') return undefined
  return n.dtype === 'bool' ? Number(Boolean(prim.value)) : prim.value
}

const caches = new WeakMap<Backend, Map<string, Plan>>()
const MAX_PLANS = 4096

/** The plan with this key; where there are too many, the oldest one goes. */
function planOf(backend: Backend, key: string, make: () => Plan): Plan {
  const cache = caches.get(backend) ?? new Map<string, Plan>()
  let plan = cache.get(key)
  if (!plan) {
    if (cache.size >= MAX_PLANS) {
      const [oldest, old] = cache.entries().next().value!
      old.executable?.free()
      cache.delete(oldest)
    }
    plan = make()
    caches.set(backend, cache.set(key, plan))
  }
  return plan
}

/** Operations run one after the other: their programs share working memory. */
const family = { brief: true }

function makePlan(
  backend: Backend,
  name: string,
  inputs: readonly Tensor[],
  body: (inputs: Tensor[]) => readonly (Tensor | null | undefined)[],
): Plan {
  const recorder = new OpRecorder()
  const nodes = inputs.map((t, i) => inputNode(i, t))
  // Not the modules that happen to run now: the program serves others too.
  const outputs = withState('call', callOf(name), () =>
    withState('recorder', recorder, () =>
      withState('gradEnabled', false, () => body(nodes.map((n) => tracedTensor(n, recorder)))),
    ),
  )
  const computed: Node[] = []
  const results = outputs.map((t): Result | null => {
    if (!t) return null
    const { shape, dtype } = t
    checkDType(name, backend, dtype)
    const view = affine(t.node!)
    const strides = view ? view.strides : stridesOf(shape)
    const signature = isContiguous(shape, strides)
      ? `${dtype}${shape}`
      : `${dtype}${shape}/${strides}`
    if (!view) {
      const value = everywhere(t.node!)
      if (value === undefined) computed.push(t.node!)
      return { shape, dtype, strides, signature, of: -1, offset: 0, value }
    }
    const of = nodes.indexOf(view.input)
    const first = reach(inputs[of]!.shape, inputs[of]!.strides).below
    return { shape, dtype, strides, signature, of, offset: view.offset - first, value: undefined }
  })
  const plan: Plan = { results, executable: undefined, used: [], below: [] }
  if (computed.length === 0) return plan
  const order = reachable([...nodes, ...recorder.nodes], computed)
  // Programs number the inputs that they read.
  const graphInputs = order.filter((n) => n.prim.op === 'input')
  graphInputs.forEach((n, index) => {
    const i = nodes.indexOf(n)
    plan.used.push(i)
    plan.below.push(reach(inputs[i]!.shape, inputs[i]!.strides).below)
    ;(n as { prim: Prim }).prim = { ...n.prim, index } as Prim
  })
  plan.executable = backend.compile(
    {
      inputs: graphInputs,
      nodes: order,
      outputs: computed.map((n) => ({ node: n })),
    },
    family,
  )
  return plan
}

/** The operation that a key begins with. */
const nameIn = (key: string): string => /^[^|~]*/.exec(key)![0]

/** Runs `body` over the inputs as one program, traced once for each key and signature of the inputs. */
export function runCached(
  key: string,
  inputs: readonly Tensor[],
  body: (inputs: Tensor[]) => readonly (Tensor | null | undefined)[],
): (Tensor | null)[] {
  const backend = backendOf(key, inputs)
  let full = key
  for (let i = 0; i < inputs.length; i++) {
    const t = inputs[i]!
    if (!t.storage)
      throw new TraceError({
        op: nameIn(key),
        rule: 'a tensor made while tracing lives only in the program being traced',
        fix: 'Return it from the compiled function instead of keeping it in a variable.',
      })
    full += `|${t.signature ?? signature(t)}`
  }
  const plan = planOf(backend, full, () => makePlan(backend, nameIn(key), inputs, body))
  const { results, used, below } = plan
  const made: Storage[] = []
  const out = new Array<Tensor | null>(results.length)
  for (let i = 0; i < results.length; i++) {
    const r = results[i]
    if (!r) {
      out[i] = null
      continue
    }
    let storage: Storage
    let offset = 0
    if (r.of >= 0) {
      storage = inputs[r.of]!.storage!
      offset = inputs[r.of]!.offset + r.offset
    } else {
      storage = backend.alloc(r.dtype, sizeOf(r.shape))
      if (r.value === undefined) made.push(storage)
      else storage.fill(r.value)
    }
    const t = new Tensor(r.shape, r.dtype, { storage, offset, strides: r.strides })
    t.signature = r.signature
    if (r.of < 0) state.scope?.push(t)
    out[i] = t
  }
  if (plan.executable) {
    const storages = new Array<Storage>(used.length)
    const offsets = new Array<number>(used.length)
    for (let i = 0; i < used.length; i++) {
      const t = inputs[used[i]!]!
      storages[i] = t.storage!
      offsets[i] = t.offset - below[i]!
    }
    plan.executable.run(storages, made, offsets)
  }
  return out
}

/** `value` written into the memory of `to`, which keeps its identity. Shapes and types agree. */
export function assignEager(to: Tensor, value: Tensor): void {
  const key = `assign|${signature(to)}|${signature(value)}`
  const backend = backendOf('assign', [to, value])
  const plan = planOf(backend, key, () => {
    const target = inputNode(0, to)
    const source = inputNode(1, value)
    const copy = node({ op: 'map', fn: 'copy' }, [source], undefined, callOf('assign'))
    const graph = {
      inputs: [target, source],
      nodes: [target, source, copy],
      outputs: [{ node: copy, into: 0 }],
    }
    return {
      results: [],
      used: [],
      below: [reach(to.shape, to.strides).below, reach(value.shape, value.strides).below],
      executable: backend.compile(graph, family),
    }
  })
  plan.executable!.run(
    [to.storage!, value.storage!],
    [],
    [to.offset - plan.below[0]!, value.offset - plan.below[1]!],
  )
  to.version++
}
