/** The door: every operation is one `defineOp` block and every call goes through `apply`. */
import { Call } from '../backends/call.js'
import { arrayFrom, type DType, isFloat, isHalf, resultType } from '../core/dtype.js'
import { DTypeError, IndexError } from '../core/errors.js'
import { checkCount, misread } from './arguments.js'
import { extras } from '../core/extras.js'
import type { Shape } from '../core/shape.js'
import { type Move, moved, runCached } from './eager.js'
import { backendOf, fromData, type GradNode, Tensor } from './tensor.js'
import { state } from './state.js'
import { constant, nodeOf, prim, tracedTensor } from './trace.js'

export type TensorLike = Tensor | number | boolean
export type Tensors = Tensor | readonly Tensor[]
/** Nested lists of numbers, as examples are written. */
export type Nested = number | bigint | boolean | readonly Nested[]

/** Makes the arguments of examples and samples; the laws seed it. */
export interface SampleMaker {
  /** A tensor of these values; float32 unless said otherwise (float64 when gradients are checked). */
  of(values: Nested, dtype?: DType): Tensor
  /** Random floats in [lo, hi), -2 to 2 unless given; none closer than 0.05 to a whole or half number. */
  float(shape: Shape, lo?: number, hi?: number, dtype?: DType): Tensor
  int(shape: Shape, lo: number, hi: number, dtype?: DType): Tensor
  bool(shape: Shape): Tensor
}

/** Gradients by input. A `vjp` that calls its own operation states this type, which ends the inference. */
export type Grads = readonly (Tensor | null | undefined)[]

// biome-ignore lint/suspicious/noExplicitAny: the public signature is the operation's own
export type Signature = (...args: any[]) => { inputs: Tensor[]; attrs: object }

/** How an operation computes. */
export interface OpRule<F extends Signature = Signature, R extends Tensors = Tensors> {
  name: string
  /** The public signature: checks shapes and types at the caller's line, names the tensors and the rest. */
  args: F
  /**
   * The computation, by `prim` or by other operations, from `inputs` and `attrs` alone. It is traced, so it
   * cannot look at values.
   */
  forward: (inputs: Tensor[], attrs: ReturnType<F>['attrs']) => R
  /** The same for tensors that hold data, by a way that needs no program for these attributes; undefined: there is none. */
  eager?: (inputs: Tensor[], attrs: ReturnType<F>['attrs']) => R | undefined
  /** `vjp` is run as it stands; as a program it would be kept for each of the attributes. */
  dynamic?: boolean
  /**
   * The gradients of the inputs from that of the output (null: none), written with operations; one that has the
   * broadcast shape is summed down by the walk. Without it the operations of `forward` give the gradient.
   */
  vjp?: (
    ct: R extends Tensor ? Tensor : (Tensor | null)[],
    inputs: Tensor[],
    out: R,
    attrs: ReturnType<F>['attrs'],
  ) => Grads
  /** false: a step function or an integer result, which has no gradient. A list: the inputs by which there is one; `args` refuses the others. */
  differentiable?: false | readonly number[]
  /**
   * float16 and bfloat16 are taken as they are: by what only moves elements, and by what computes in float32 itself
   * (matrix products); 'forward': by all but its gradient. All others get them as float32, and their results and
   * gradients are rounded once.
   */
  halves?: true | 'forward'
}

/**
 * What readers and the laws need of an operation. Nothing computes with it: scripts/transforms.mjs leaves these properties
 * of the objects given to `defineOp` and `defineMove` out of the files for browsers, and of no other object.
 */
export interface OpLaws {
  /** The mathematics in one line, with the derivative where it has one. */
  formula: string
  /** A paper or the PyTorch page, where the name alone does not tell. */
  source?: string
  /** One call with independent numbers (by hand or from PyTorch): its arguments, its result. */
  example: (make: SampleMaker) => readonly [args: readonly unknown[], result: Nested]
  /** Arguments that the laws try: ordinary, broadcast, scalar, empty, awkward axes. */
  samples: (make: SampleMaker) => readonly (readonly unknown[])[]
  /** Laws that cannot hold for this operation, with the reason. */
  except?: { [law in 'gradient' | 'secondGradient' | 'backends' | 'compiled']?: string }
}

export type OpSpec<F extends Signature = Signature, R extends Tensors = Tensors> = OpRule<F, R> &
  OpLaws

export interface Op<A extends unknown[] = unknown[], R extends Tensors = Tensors> {
  (...args: A): R
  /** In a browser without what only readers and laws need. */
  readonly spec: OpRule<(...args: A) => { inputs: Tensor[]; attrs: object }, R> & Partial<OpLaws>
}

/** Every operation by name; the laws go over it. */
export const registry = new Map<string, Op<never, Tensors>>()

export function defineOp<F extends Signature, R extends Tensors>(
  spec: OpSpec<F, R>,
): Op<Parameters<F>, R> {
  if (registry.has(spec.name)) throw new Error(`there is an operation ${spec.name} already`)
  const call = (...args: Parameters<F>): R => {
    if (args.length > spec.args.length) checkCount(spec.name, spec.args, args)
    let read: ReturnType<F>
    try {
      read = spec.args(...args) as ReturnType<F>
    } catch (error) {
      throw misread(spec.name, args, error)
    }
    for (const t of read.inputs) if (!(t instanceof Tensor)) throw misread(spec.name, args)
    return apply(spec as unknown as OpRule, read.inputs, read.attrs) as R
  }
  const op = Object.assign(call, { spec }) as unknown as Op<Parameters<F>, R>
  Object.defineProperty(op, 'name', { value: spec.name })
  registry.set(spec.name, op as unknown as Op<never, Tensors>)
  return op
}

/**
 * Defines an operation that moves the elements of its one input and computes nothing: `move` says how, from the shape
 * of the input. Eagerly the result is a view by arithmetic on strides; no program, except for copies.
 */
export function defineMove<F extends Signature>({
  move,
  ...spec
}: Omit<OpSpec<F, Tensor>, 'forward' | 'eager' | 'dynamic'> & {
  move: (shape: Shape, attrs: ReturnType<F>['attrs']) => Move
}): Op<Parameters<F>, Tensor> {
  return defineOp<F, Tensor>({
    ...(spec as OpSpec<F, Tensor>),
    forward: ([x], attrs) => prim(move(x!.shape, attrs), [x!]),
    eager: ([x], attrs) => moved(x!, move(x!.shape, attrs)),
    dynamic: true,
    halves: true,
  })
}

/** Attributes as a key: numbers, strings, booleans, lists and plain objects of them. */
export function attrKey(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `${value}`
  if (Array.isArray(value)) {
    let s = '['
    for (const v of value) s += `${attrKey(v)},`
    return s
  }
  let s = ''
  for (const k in value) s += `${k}:${attrKey((value as Record<string, unknown>)[k])};`
  return s
}

/** Operations whose result is a list, known from their first call on. */
const givesList = new WeakSet<object>()
const isList = (out: Tensors): out is readonly Tensor[] => Array.isArray(out)

/** A result that is an input itself becomes a tensor of its own, so that it can carry its own gradient. */
function fresh(out: Tensors, inputs: readonly Tensor[]): Tensors {
  const one = (t: Tensor) => (inputs.includes(t) ? tracedTensor(nodeOf(t), state.recorder!) : t)
  return isList(out) ? out.map(one) : one(out)
}

const needsGrad = (t: Tensor) => t.requiresGrad
const half = (t: Tensor) => isHalf(t.dtype)
/** A half type as the float32 that it is computed with. */
export const unhalved = (t: Tensor): Tensor => (half(t) ? toType(t, 'float32') : t)

/** The same computation for half types: in float32, its results rounded once. */
function ofHalves(spec: OpRule): OpRule['forward'] {
  return (inputs, attrs) => {
    const floats = new Set(inputs.filter((t) => isFloat(t.dtype)).map((t) => t.dtype))
    const [dtype] = floats
    const out = spec.forward(inputs.map(unhalved), attrs as never)
    // Beside another float type, or where a type is asked for, the result has that.
    if (floats.size > 1 || (attrs as { dtype?: DType }).dtype) return out
    const back = (t: Tensor) => (t.dtype === 'float32' ? toType(t, dtype!) : t)
    return isList(out) ? out.map(back) : back(out)
  }
}

declare module '../core/extras.js' {
  interface Extras {
    /** The inputs of an operation as autocast gives them, which brings it; see autocast.ts. */
    autocasted: (name: string, inputs: Tensor[]) => Tensor[]
  }
}

/** Runs an operation, eagerly or while tracing, and records it for gradients. */
export function apply(spec: OpRule, given: Tensor[], attrs: object): Tensors {
  const { replaced } = state
  const own = replaced ? given.map((t) => replaced.get(t) ?? t) : given
  const inputs = state.autocast ? extras.autocasted!(spec.name, own) : own
  if (state.met) for (const t of inputs) if (t.requiresGrad) state.met(t)
  const track = state.gradEnabled && spec.differentiable !== false && inputs.some(needsGrad)
  // Composed operations leave the gradient to the operations inside.
  const inner = track && !spec.vjp
  // Composed operations leave that too to those inside.
  const halves =
    !spec.halves && (spec.vjp !== undefined || spec.differentiable === false) && inputs.some(half)
  const rule = halves ? { ...spec, forward: ofHalves(spec), eager: undefined } : spec
  let outputs: Tensors
  const profile = state.recorder ? undefined : state.profile
  profile?.begin(spec.name)
  const { gradEnabled, autocast, call } = state
  const frame = new Call(spec.name, call)
  state.call = frame
  const log = state.recorder?.calls
  if (!inner) {
    state.gradEnabled = false
    state.autocast = undefined
  }
  try {
    log?.begin(frame, spec, attrs, inputs)
    if (inner) outputs = spec.forward(inputs, attrs)
    else if (state.recorder) outputs = fresh(rule.forward(inputs, attrs), inputs)
    else outputs = rule.eager?.(inputs, attrs) ?? byProgram(spec, rule.forward, inputs, attrs)
    log?.end(frame, [outputs])
    if (state.inspect && !state.recorder)
      state.inspect(spec.name, inputs, isList(outputs) ? outputs : [outputs])
  } finally {
    state.gradEnabled = gradEnabled
    state.autocast = autocast
    state.call = call
    profile?.end(outputs! === undefined ? [] : isList(outputs) ? outputs : [outputs])
  }
  if (track && !inner) record(spec as never, inputs, outputs, attrs)
  return outputs
}

/** Runs the operation as a program, traced once for its attributes and the signatures of its inputs. */
function byProgram(
  spec: OpRule,
  forward: OpRule['forward'],
  inputs: Tensor[],
  attrs: object,
): Tensors {
  let list: ReturnType<typeof runCached>
  try {
    list = runCached(`${spec.name}|${attrKey(attrs)}`, inputs, (ins) => {
      const out = forward(ins, attrs)
      if (!isList(out)) return [out as Tensor]
      givesList.add(spec)
      return out
    })
  } catch (error) {
    // The program knows this operation alone; what was called may be around it.
    const asked = state.call?.operation
    throw error instanceof IndexError && asked ? error.of(asked) : error
  }
  return (givesList.has(spec) ? list : list[0]) as Tensors
}

function record(spec: GradNode['op'], inputs: Tensor[], out: Tensors, attrs: object): void {
  const outputs = isList(out) ? out : [out]
  const gradNode: GradNode = {
    op: spec,
    attrs,
    inputs,
    versions: inputs.map((t) => t.version),
    outputs,
    order: state.order++,
    call: state.call,
    freed: false,
  }
  for (const t of outputs) {
    if (!isFloat(t.dtype)) continue
    t.requiresGrad = true
    t.gradNode = gradNode
  }
}

const numbers = new WeakMap<object, Map<string, Tensor>>()

/** A number as a tensor of shape []: a constant while tracing, otherwise one that is kept. */
export function scalar(value: number, dtype: DType, like: readonly Tensor[] = []): Tensor {
  if (state.recorder) return constant(value, dtype)
  const backend = backendOf('scalar', like)
  let kept = numbers.get(backend)
  if (!kept) {
    kept = new Map()
    numbers.set(backend, kept)
  }
  const key = `${dtype}${Object.is(value, -0) ? '-0' : value}`
  let t = kept.get(key)
  if (!t) {
    const data = arrayFrom(dtype, [value])
    if (kept.size > 1024) kept.clear()
    t = fromData(data, [], dtype, backend)
    // Not part of a surrounding `tidy`: it stays.
    const scope = state.scope
    if (scope) scope.splice(scope.indexOf(t), 1)
    kept.set(key, t)
  }
  return t
}

let castOp: ((x: Tensor, dtype: DType) => Tensor) | undefined
/** The cast operation, which elementwise.ts defines and promotion needs. */
export function provideCast(op: (x: Tensor, dtype: DType) => Tensor): void {
  castOp = op
}
export const toType = (x: Tensor, dtype: DType): Tensor =>
  x.dtype === dtype ? x : castOp!(x, dtype)

/**
 * Tensors and numbers brought to one type, by PyTorch's promotion (`resultType`); `float` makes that a float type at
 * least.
 * @throws DTypeError when there is no tensor among them and no type is given
 */
export function operands(
  op: string,
  values: readonly TensorLike[],
  { float = false }: { float?: boolean } = {},
): Tensor[] {
  const tensors = values.filter((v): v is Tensor => v instanceof Tensor)
  for (const v of values)
    if (!(v instanceof Tensor) && typeof v !== 'number' && typeof v !== 'boolean')
      throw new DTypeError({
        op,
        rule: 'operands are tensors or numbers',
        got: v === null ? 'null' : typeof v,
        fix: 'tensor([...]) makes one of a list.',
      })
  let dtype = resultType(values)
  if (float && !isFloat(dtype)) dtype = 'float32'
  return values.map((v) =>
    v instanceof Tensor ? toType(v, dtype) : scalar(Number(v), dtype, tensors),
  )
}

/** One tensor operand; numbers become float32 tensors. */
export const operand = (op: string, x: TensorLike, float = false): Tensor =>
  operands(op, [x], { float })[0]!

/** @throws DTypeError unless the type is one of those named */
export function requireType(op: string, t: Tensor, ...allowed: DType[]): void {
  if (!(t instanceof Tensor))
    throw new DTypeError({ op, rule: 'a tensor is needed', got: t === null ? 'null' : typeof t })
  if (!allowed.includes(t.dtype))
    throw new DTypeError({
      op,
      rule: `dtype must be ${allowed.join(' or ')}`,
      got: t.dtype,
      fix: `x.to('${allowed[0]}') converts.`,
    })
}
