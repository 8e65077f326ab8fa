/** The methods of Tensor: every operation whose first argument is a tensor. */
import { backward, type BackwardOptions, detach } from '../autograd/backward.js'
import { registerHook, type RemovableHandle, type TensorHook } from '../autograd/hooks.js'
import { backend as findBackend } from '../backends/registry.js'
import type { BackendName } from '../backends/backend.js'
import { extras } from '../core/extras.js'
import { show, ValueError } from '../core/errors.js'
import type { PlacesOr } from '../core/options.js'
import type { Shape } from '../core/shape.js'
import {
  bigints,
  type DType,
  dtypes,
  type HostArray,
  type NumberArray,
  readNumber,
  suggestType,
} from '../core/dtype.js'
import type { Index, IndexPutOptions } from '../ops/at.js'
import type { SoftmaxOptions } from '../ops/activation.js'
import * as activation from '../ops/activation.js'
import { assign } from '../ops/assign.js'
import * as arithmetic from '../ops/arithmetic.js'
import * as broadcast from '../ops/broadcast.js'
import * as compare from '../ops/compare.js'
import { type TensorLike, toType } from '../ops/define.js'
import * as elementwise from '../ops/elementwise.js'
import * as unary from '../ops/functions.js'
import type { PadOptions } from '../ops/join.js'
import type { ScaleOptions } from '../ops/linalg.js'
import * as linalg from '../ops/linalg.js'
import * as movement from '../ops/movement.js'
import type { Axes, ReduceOptions } from '../ops/broadcast.js'
import * as reduce from '../ops/reduce.js'
import type { Range } from '../ops/slice.js'
import * as slice from '../ops/slice.js'
import type { SortOptions } from '../ops/sort.js'
import type { VarianceOptions } from '../ops/statistics.js'
import { safe, Tensor } from '../ops/tensor.js'
import { setRequiresGrad, toBackend } from './creation.js'
import type {} from './print.js'
import type { CloseOptions } from '../ops/composed.js'

/** The methods of every day, which a page that imports `nabla` loads: operations, which know their names. The others: moreMethods.ts. */
const operations = [
  activation.softmax,
  activation.logSoftmax,
  arithmetic.cast,
  arithmetic.add,
  arithmetic.sub,
  arithmetic.mul,
  arithmetic.div,
  elementwise.pow,
  elementwise.minimum,
  elementwise.maximum,
  elementwise.clamp,
  arithmetic.neg,
  unary.abs,
  unary.sign,
  unary.square,
  unary.exp,
  unary.log,
  unary.log1p,
  unary.sqrt,
  unary.rsqrt,
  unary.reciprocal,
  unary.sin,
  unary.cos,
  unary.tanh,
  unary.sigmoid,
  unary.floor,
  unary.ceil,
  unary.relu,
  compare.eq,
  compare.ne,
  compare.lt,
  compare.le,
  compare.gt,
  compare.ge,
  compare.logicalAnd,
  compare.logicalOr,
  compare.logicalNot,
  compare.isnan,
  compare.isfinite,
  broadcast.sum,
  reduce.mean,
  reduce.amax,
  reduce.amin,
  reduce.argmax,
  reduce.argmin,
  reduce.all,
  reduce.any,
  broadcast.reshape,
  broadcast.expand,
  broadcast.permute,
  slice.slice,
  slice.select,
]
const functions = {
  round: unary.round,
  max: reduce.max,
  min: reduce.min,
  transpose: movement.transpose,
  squeeze: movement.squeeze,
  unsqueeze: movement.unsqueeze,
  flatten: movement.flatten,
  matmul: linalg.matmul,
}

const extra = {
  backward(this: Tensor, ct?: Tensor | null, options?: BackwardOptions): void {
    backward(this, ct, options)
  },
  registerHook(this: Tensor, hook: TensorHook): RemovableHandle {
    return registerHook(this, hook)
  },
  detach(this: Tensor): Tensor {
    return detach(this)
  },
  clone(this: Tensor): Tensor {
    return movement.contiguous(this)
  },
  contiguous(this: Tensor): Tensor {
    return this.isContiguous ? this : movement.contiguous(this)
  },
  to(this: Tensor, target: DType | BackendName): Tensor {
    const meant = suggestType(target)
    if (meant)
      throw new ValueError({
        op: 'to',
        rule: `a dtype is ${dtypes.join(', ')}`,
        got: `'${target}'`,
        fix: `Did you mean ${meant}?`,
      })
    return (dtypes as string[]).includes(target)
      ? toType(this, target as DType)
      : toBackend(this, findBackend(target as BackendName))
  },
  float(this: Tensor): Tensor {
    return toType(this, 'float32')
  },
  int(this: Tensor): Tensor {
    return toType(this, 'int32')
  },
  bool(this: Tensor): Tensor {
    return toType(this, 'bool')
  },
  requireGrad(this: Tensor, value = true): Tensor {
    return setRequiresGrad(this, value)
  },
  assign(this: Tensor, value: Tensor): Tensor {
    assign(this, value)
    return this
  },
  toJSON(this: Tensor): NestedArray {
    return this.toArray()
  },
  toArray(this: Tensor): NestedArray {
    const { dtype } = this
    const data = this.toStored()
    const value = (i: number) =>
      dtype === 'bool'
        ? data[i] !== 0
        : dtype === 'int64'
          ? safe('toArray', bigints(data)[i]!)
          : readNumber(dtype, data, i)
    let at = 0
    const build = (axis: number): NestedArray =>
      axis === this.rank
        ? value(at++)
        : Array.from({ length: this.shape[axis]! }, () => build(axis + 1))
    return build(0)
  },
  async read<A extends HostArray = NumberArray>(this: Tensor): Promise<A> {
    return this.toTypedArray<A>()
  },
  t(this: Tensor): Tensor {
    return this.rank < 2 ? this : movement.transpose(this, 0, 1)
  },
  where(this: Tensor, condition: Tensor, other: Tensor | number): Tensor {
    return arithmetic.where(condition, this, other)
  },
}
export type NestedArray = number | boolean | NestedArray[]

declare module '../ops/tensor.js' {
  interface Tensor {
    /** The elements as another type. Float to int32 truncates toward 0; to bool is x ≠ 0; bool to number 0 or 1. */
    cast(dtype: DType): Tensor
    /** a + b. */
    add(b: TensorLike): Tensor
    /** a − b. */
    sub(b: TensorLike): Tensor
    /** a · b, element by element. */
    mul(b: TensorLike): Tensor
    /** a / b as floats (true division). */
    div(b: TensorLike): Tensor
    /** ⌊a / b⌋, in the operands' own type. Integer division by 0 gives 0. */
    floorDivide(b: TensorLike): Tensor
    /** The remainder with the sign of the divisor: a − b⌊a/b⌋ (Python's %). */
    remainder(b: TensorLike): Tensor
    /** The remainder with the sign of the dividend (C's fmod). */
    fmod(b: TensorLike): Tensor
    /** aᵇ. A negative base needs a whole exponent. */
    pow(b: TensorLike): Tensor
    /** The smaller of two; NaN wins. Equal operands share the gradient by halves. */
    minimum(b: TensorLike): Tensor
    /** The larger of two; NaN wins. Equal operands share the gradient by halves. */
    maximum(b: TensorLike): Tensor
    /** The angle of the point (b, a) from the x axis, −π to π. */
    atan2(b: TensorLike): Tensor
    /** √(a² + b²) without overflow. */
    hypot(b: TensorLike): Tensor
    /** The magnitude of a with the sign of b. */
    copysign(b: TensorLike): Tensor
    /** log(eᵃ + eᵇ), stable. */
    logaddexp(b: TensorLike): Tensor
    /** x limited to [min, max]; either may be null. */
    clamp(min: TensorLike | null, max?: TensorLike | null): Tensor
    /** Linear interpolation from a to b. */
    lerp(b: TensorLike, weight: TensorLike): Tensor
    /** −x. */
    neg(): Tensor
    /** |x|; the slope at 0 is 0. */
    abs(): Tensor
    /** −1, 0 or 1. */
    sign(): Tensor
    /** x². */
    square(): Tensor
    /** eˣ. */
    exp(): Tensor
    /** 2ˣ. */
    exp2(): Tensor
    /** eˣ − 1, exact near 0. */
    expm1(): Tensor
    /** Natural logarithm; −inf at 0, NaN below. */
    log(): Tensor
    /** Logarithm to base 2. */
    log2(): Tensor
    /** Logarithm to base 10. */
    log10(): Tensor
    /** ln(1 + x), exact near 0. */
    log1p(): Tensor
    /** Square root; NaN below 0. */
    sqrt(): Tensor
    /** 1/√x. */
    rsqrt(): Tensor
    /** 1/x. */
    reciprocal(): Tensor
    /** Sine of radians. */
    sin(): Tensor
    /** Cosine of radians. */
    cos(): Tensor
    /** Tangent of radians. */
    tan(): Tensor
    /** Inverse sine, in radians; NaN outside [−1, 1]. */
    asin(): Tensor
    /** Inverse cosine, in radians; NaN outside [−1, 1]. */
    acos(): Tensor
    /** Inverse tangent, in radians. */
    atan(): Tensor
    /** Hyperbolic sine. */
    sinh(): Tensor
    /** Hyperbolic cosine. */
    cosh(): Tensor
    /** Hyperbolic tangent. */
    tanh(): Tensor
    /** Inverse hyperbolic sine. */
    asinh(): Tensor
    /** Inverse hyperbolic cosine; NaN below 1. */
    acosh(): Tensor
    /** Inverse hyperbolic tangent; NaN outside [−1, 1]. */
    atanh(): Tensor
    /** The logistic function, from 0 to 1. */
    sigmoid(): Tensor
    /** The error function. */
    erf(): Tensor
    /** 1 − erf x, accurate where that is small. */
    erfc(): Tensor
    /** The inverse of erf; ±inf at ±1. */
    erfinv(): Tensor
    ndtr(): Tensor
    /** The whole number below. */
    floor(): Tensor
    /** The whole number above. */
    ceil(): Tensor
    /** The nearest whole number, halves to the even one. */
    round(): Tensor
    /** The whole part, toward 0. */
    trunc(): Tensor
    /** The part after the point, with the sign of x. */
    frac(): Tensor
    /** The rectified linear unit; the slope at 0 is 0. */
    relu(): Tensor
    /** a equals b; NaN equals nothing. */
    eq(b: TensorLike): Tensor
    /** a differs from b. */
    ne(b: TensorLike): Tensor
    /** a is less than b. */
    lt(b: TensorLike): Tensor
    /** a is at most b. */
    le(b: TensorLike): Tensor
    /** a is greater than b. */
    gt(b: TensorLike): Tensor
    /** a is at least b. */
    ge(b: TensorLike): Tensor
    /** a ∧ b of the truth of both. */
    logicalAnd(b: TensorLike): Tensor
    /** a ∨ b of the truth of both. */
    logicalOr(b: TensorLike): Tensor
    /** a ⊕ b of the truth of both. */
    logicalXor(b: TensorLike): Tensor
    /** Not the truth of x. */
    logicalNot(): Tensor
    /** Is it not a number? */
    isnan(): Tensor
    /** Is it infinite? */
    isinf(): Tensor
    /** Is it a finite number? */
    isfinite(): Tensor
    /** NaN replaced by `nan`, infinities by `posinf` and `neginf` (the type's largest and smallest number). */
    nanToNum(options?: { nan?: number; posinf?: number; neginf?: number }): Tensor
    /** The sum over the axes (all of them when none are named). bool counts as int32. */
    sum(axes?: Axes, keepdim?: boolean | ReduceOptions): Tensor
    /** The arithmetic mean over the axes. Integers and bools count as floats. */
    mean(axes?: Axes, keepdim?: boolean | ReduceOptions): Tensor
    /** The product over the axes. The gradient is exact where factors are 0. */
    prod(axes?: Axes, keepdim?: boolean | ReduceOptions): Tensor
    /** The largest element over the axes; NaN wins. */
    amax(axes?: Axes, keepdim?: boolean | ReduceOptions): Tensor
    /** The smallest element over the axes; NaN wins. */
    amin(axes?: Axes, keepdim?: boolean | ReduceOptions): Tensor
    /** The index of the largest element along the axis, or of all. */
    argmax(axis?: number | null, keepdim?: boolean | ReduceOptions): Tensor
    /** The index of the smallest element along the axis, or of all. */
    argmin(axis?: number | null, keepdim?: boolean | ReduceOptions): Tensor
    /** The largest of all elements; with an axis, the largest along it and their first indices, [values, indices]. */
    max(): Tensor
    max(axis: number, keepdim?: boolean | ReduceOptions): [values: Tensor, indices: Tensor]
    /** The smallest of all elements; with an axis, the smallest along it and their first indices, [values, indices]. */
    min(): Tensor
    min(axis: number, keepdim?: boolean | ReduceOptions): [values: Tensor, indices: Tensor]
    /** Are all elements true (not 0)? */
    all(axes?: Axes, keepdim?: boolean | ReduceOptions): Tensor
    /** Is any element true (not 0)? */
    any(axes?: Axes, keepdim?: boolean | ReduceOptions): Tensor
    /** How many elements are not 0 (int32). */
    countNonzero(axes?: Axes): Tensor
    /** log Σ eˣ over the axes, without overflow. */
    logsumexp(axes?: Axes, keepdim?: boolean | ReduceOptions): Tensor
    /** The running sum along the axis. */
    cumsum(axis: number): Tensor
    /** The running product along the axis. */
    cumprod(axis: number): Tensor
    /** The running maximum along the axis and its index, [values, indices]. */
    cummax(axis: number): Tensor[]
    /** The running minimum along the axis and its index, [values, indices]. */
    cummin(axis: number): Tensor[]
    /** The variance over the axes. NaN where n ≤ correction. */
    var(axes?: Axes, options?: VarianceOptions): Tensor
    /** The standard deviation over the axes. */
    std(axes?: Axes, options?: VarianceOptions): Tensor
    /** The p-norm over the axes: (Σ |x|ᵖ)^(1/p); ∞ the largest, −∞ the smallest magnitude, 0 the number of elements ≠ 0. */
    norm(p?: number, axes?: Axes, keepdim?: boolean | ReduceOptions): Tensor
    /** The median; the lower of the two middle ones for an even count. With an axis, [values, indices] along it. */
    median(): Tensor
    median(axis: number, keepdim?: boolean | ReduceOptions): [Tensor, Tensor]
    /** The q-th quantile (0 to 1, a number or a list, which becomes the first axis), linearly interpolated. */
    quantile(
      q: number | readonly number[],
      axis?: number,
      keepdim?: boolean | ReduceOptions,
    ): Tensor
    /** The indices (int32) that sort along the axis; equal elements keep their order; NaN counts as the largest. */
    argsort(axis?: number, descending?: boolean | SortOptions): Tensor
    /** The values in order along the axis and where they were, [values, indices]. */
    sort(axis?: number, descending?: boolean | SortOptions): [values: Tensor, indices: Tensor]
    /** The k largest (or smallest) along the axis in order, [values, indices]. */
    topk(
      k: number,
      axis?: number,
      largest?: boolean | { largest?: boolean },
    ): [values: Tensor, indices: Tensor]
    /** Where each value would go in the sorted last axis so that it stays sorted (int32). right: after equal elements. */
    searchsorted(values: TensorLike, options?: { right?: boolean }): Tensor
    /** The bucket of each value between sorted boundaries. */
    bucketize(boundaries: Tensor, options?: { right?: boolean }): Tensor
    /** The same elements in row-major order under another shape; one extent may be −1. */
    reshape(shape: Shape): Tensor
    /** Repeats axes of extent 1 (and new leading axes) to the shape without a copy; −1 keeps an extent. */
    expand(shape: Shape): Tensor
    /** The axes in another order. */
    permute(order: readonly number[]): Tensor
    /** Two axes exchanged. */
    transpose(axisA: number, axisB: number): Tensor
    /** The axes at `from` moved to `to`, the others in order. */
    movedim(from: number | readonly number[], to: number | readonly number[]): Tensor
    /** Without the axes of extent 1: all, or those named (others stay). */
    squeeze(axes?: number | readonly number[]): Tensor
    /** A new axis of extent 1 at the place. */
    unsqueeze(axis: number): Tensor
    /** The axes from start to end as one. */
    flatten(startAxis?: number, endAxis?: number): Tensor
    /** One axis as several. */
    unflatten(axis: number, shape: Shape): Tensor
    /** The axes backwards. */
    flip(axes?: number | readonly number[]): Tensor
    /** Part of a tensor, one entry an axis: a number picks a place (the axis goes), a range [start, end, step] cuts, null keeps the whole axis. Missing entries keep theirs. Negative numbers count from the end; steps may be negative. */
    slice(parts: readonly (number | Range | readonly (number | null)[] | null)[]): Tensor
    /** `length` places along the axis from `start`. */
    narrow(axis: number, start: number, length: number): Tensor
    /** One place of an axis, which goes. */
    select(axis: number, index: number): Tensor
    /** Windows of `size` places every `step` along the axis; the window becomes the last axis. */
    unfold(axis: number, size: number, step: number): Tensor
    /** The diagonal of two axes as a new last axis; `offset` > 0 above it. */
    diagonal(offset?: number, axisA?: number, axisB?: number): Tensor
    /** A vector's square matrix with it on a diagonal; a matrix's diagonal. */
    diag(offset?: number): Tensor
    /** Parts of `size` places (the last may be shorter), or of the sizes listed. */
    split(size: number | readonly number[], axis?: number): Tensor[]
    /** About `count` parts of equal size. */
    chunk(count: number, axis?: number): Tensor[]
    /** Elements shifted along the axes, those that fall off coming in on the other side. */
    roll(shifts: number | readonly number[], axes?: number | readonly number[]): Tensor
    /** Turned by 90° from the first axis toward the second, `times` times. */
    rot90(times?: number, axes?: readonly [number, number]): Tensor
    /** Padding, PyTorch's order: [before, after] of the last axis, then of the one before it, ... Modes: constant, reflect (without the edge), replicate (the edge), circular. */
    pad(widths: readonly number[], ...mode: PlacesOr<PadOptions>): Tensor
    /** The whole tensor `counts[a]` times along each axis (leading axes may be new). */
    tile(counts: readonly number[]): Tensor
    /** PyTorch's name of `tile`: one count for each axis at least. */
    repeat(counts: readonly number[]): Tensor
    /** Each element `count` times in a row along the axis (of the flat tensor without one). */
    repeatInterleave(count: number, axis?: number): Tensor
    /** Part of a tensor: numbers, ranges, lists, tensors of places and masks, one for each axis and together; see the function `at`. */
    at(...indices: Index[]): Tensor
    /** A copy with values at the places that the indices name; with `accumulate` they are added. */
    indexPut(
      indices: readonly Index[],
      values: TensorLike,
      options?: boolean | IndexPutOptions,
    ): Tensor
    /** Raw slices along an axis by an index vector, and its adjoint; indexSelect and indexAdd in public. */
    indexSelect(axis: number, index: Tensor): Tensor
    /** x with the slices of `source` added at the indices. */
    indexAdd(axis: number, index: Tensor, source: TensorLike): Tensor
    /** x with the slices of `source` at the indices. */
    indexCopy(axis: number, index: Tensor, source: TensorLike): Tensor
    /** Picks along one axis, an index for each output element. */
    gather(axis: number, index: Tensor): Tensor
    /** As gather, with x and index broadcast against each other off the axis. */
    takeAlongDim(index: Tensor, axis?: number): Tensor
    /** Elements of the flat tensor at the indices; negative ones count from the end. */
    take(index: Tensor): Tensor
    /** x with source values (a tensor or a number) set at the indices along the axis. */
    scatter(axis: number, index: Tensor, source: TensorLike): Tensor
    /** x with source values added at the indices along the axis. */
    scatterAdd(axis: number, index: Tensor, source: TensorLike): Tensor
    /** x combined with source values at the indices: sum, prod, mean, amax or amin. Without `includeSelf` the places that are hit start anew. */
    scatterReduce(
      axis: number,
      index: Tensor,
      source: Tensor,
      reduce: 'sum' | 'prod' | 'mean' | 'amax' | 'amin',
      options?: { includeSelf?: boolean },
    ): Tensor
    /** x with `value` where the mask (bool) holds. */
    maskedFill(mask: Tensor, value: TensorLike): Tensor
    /** One-hot rows: 1 at the index, 0 elsewhere (int32). `classes` must be given while compiling. */
    oneHot(classes: number): Tensor
    /** Matrix product over the last two axes; batch axes broadcast; a vector counts as a row on the left and a column on the right, and its axis goes. */
    matmul(b: Tensor): Tensor
    /** The sum of products of two vectors. */
    dot(b: Tensor): Tensor
    /** All products of two vectors. */
    outer(b: Tensor): Tensor
    /** beta · c + alpha · a b. */
    addmm(a: Tensor, b: Tensor, options?: ScaleOptions): Tensor
    /** beta · c + alpha · a b for stacks of matrices. */
    baddbmm(a: Tensor, b: Tensor, options?: ScaleOptions): Tensor
    /** Contracts the last `axes` axes of a with the first of b, or the axes listed. */
    tensordot(b: Tensor, axes?: number | readonly [readonly number[], readonly number[]]): Tensor
    /** The cross product along an axis of extent 3. */
    cross(b: Tensor, axis?: number): Tensor
    /** The Kronecker product: every element of a times all of b. */
    kron(b: Tensor): Tensor
    /** The sum of a matrix's diagonal. */
    trace(): Tensor
    /** The upper triangle, from the k-th diagonal on. */
    triu(diagonalOffset?: number): Tensor
    /** The lower triangle, up to the k-th diagonal. */
    tril(diagonalOffset?: number): Tensor
    /** The coordinates of elements that are not 0, one row each (int32). */
    nonzero(): Tensor
    /** The elements where the mask holds, in row-major order; differentiable. */
    maskedSelect(mask: Tensor): Tensor
    /** The distinct elements in order, where each element went, and how often each occurs. */
    unique(): {
      values: Tensor
      inverse: Tensor
      counts: Tensor
    }
    /** Do both hold the same numbers within |a − b| ≤ atol + rtol |b|? */
    allclose(b: Tensor, ...options: PlacesOr<CloseOptions>): boolean
    /** Exponentials normalized along the axis. */
    softmax(axis?: number, options?: SoftmaxOptions): Tensor
    /** log of softmax, stable. */
    logSoftmax(axis?: number, options?: SoftmaxOptions): Tensor
    /** Adds the gradient of this tensor to `grad` of every leaf that it was computed from; see autograd. */
    backward(ct?: Tensor | null, options?: BackwardOptions): void
    /** The same elements without history. */
    /** Calls `hook` with the gradient of this tensor; what it returns takes its place. PyTorch: register_hook. */
    registerHook(hook: TensorHook): RemovableHandle
    detach(): Tensor
    /** A copy with its own memory, through which gradients flow. */
    clone(): Tensor
    /** Itself when its elements lie in row-major order, else a copy that does. */
    contiguous(): Tensor
    /** As another type ('float32', 'int32', 'bool', 'float64') or on another backend. */
    to(target: DType | BackendName): Tensor
    float(): Tensor
    int(): Tensor
    bool(): Tensor
    /** Marks the tensor as one whose gradient is wanted. */
    requireGrad(value?: boolean): Tensor
    /** Overwrites the elements in place. */
    assign(value: Tensor): Tensor
    /**
     * The elements as nested lists (a number for a scalar; bools as booleans). The type is what is expected:
     * `const rows: number[][] = x.toArray()`, or said: `x.toArray<number[][]>()`.
     */
    toArray<T extends NestedArray = NestedArray>(): T
    /** What `JSON.stringify` writes: the elements as nested lists. */
    toJSON(): NestedArray
    /** The elements as a typed array, on every backend. */
    read<A extends HostArray = NumberArray>(): Promise<A>
    /** The transposed matrix. */
    t(): Tensor
    /** Itself where the condition holds, else `other`. */
    where(condition: Tensor, other: TensorLike): Tensor
  }
}

const define = (name: string | symbol, value: unknown) =>
  Object.defineProperty(Tensor.prototype, name, { configurable: true, writable: true, value })
/** Makes functions methods of Tensor, their first argument. */
export function defineMethods(functions: object): void {
  for (const [name, f] of Object.entries(functions))
    define(name, function (this: Tensor, ...args: unknown[]) {
      return (f as (...all: unknown[]) => unknown)(this, ...args)
    })
}
defineMethods(Object.fromEntries(operations.map((op) => [op.name, op])))
defineMethods(functions)
for (const [name, value] of Object.entries(extra)) define(name, value)

/** A page without the printer gets the shape and the type, and is told of it. */
function text(this: Tensor): string {
  const { shape, dtype } = this
  return (
    extras.format?.(this) ??
    `tensor(shape=${show(shape)}, dtype=${dtype}); import 'nabla/methods' to see the elements`
  )
}
for (const key of ['toString', Symbol.for('nodejs.util.inspect.custom')]) define(key, text)
