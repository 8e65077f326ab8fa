/**
 * The primitives: all that a backend can be asked to do. Everything else is composed from them in ops/. What each is,
 * to the compiler and the backends, stands in its record in prims.ts.
 * A graph is a list of nodes in the order of tracing; inputs of a node stand before it.
 */
import type { DType, TypedArray } from '../core/dtype.js'
import type { Shape } from '../core/shape.js'
import type { Call } from './call.js'
import type { MapFn } from './scalar.js'

export type { MapFn } from './scalar.js'

/**
 * Reads from a source at affine places: the source coordinate of axis a is
 * offset[a] + sum over output axes o of step * index[o], for each [a, step] in axes[o].
 * One form for permute, expand ([]), slice, flip (negative step), diagonal (two entries), sliding window.
 */
export interface View {
  shape: Shape
  offset: readonly number[]
  axes: readonly (readonly (readonly [axis: number, step: number])[])[]
}

/** The geometry of convolution and pooling windows; one entry a spatial axis. */
export interface Window {
  kernel: readonly number[]
  stride: readonly number[]
  dilation: readonly number[]
  /** Cells added before and after; after may exceed before (ceil mode, 'same'). */
  padding: readonly (readonly [number, number])[]
}

export type ReduceFn = 'sum' | 'prod' | 'max' | 'min'

/**
 * Cells of recurrent layers; columns in extents of the hidden size H: of the gates, of what a row saves of its step for
 * backward, of the gradients that it gets there. ops/recurrence.ts says which they are.
 */
export const recurrentCells = {
  tanh: { gates: 1, saved: 1, grads: 1 },
  relu: { gates: 1, saved: 1, grads: 1 },
  lstm: { gates: 4, saved: 6, grads: 5 },
  gru: { gates: 3, saved: 5, grads: 5 },
} as const
export type RecurrentCell = keyof typeof recurrentCells
/** How a recurrent layer runs over its rows, those of step 0 first. */
export interface RecurrentRun {
  cell: RecurrentCell
  /** How many rows take part in each step; never growing. */
  steps: readonly number[]
  /** From the last step to the first. */
  reverse: boolean
}

/** Elements that the host reads or writes in the middle of a program. */
export interface HostArray {
  readonly shape: Shape
  readonly dtype: DType
  /** In row-major order. Get it anew for each use: memory may move. */
  data(): TypedArray
}
/**
 * Work of the host in the middle of a program: a print, a mark of a profile, a message to other processes. The program
 * goes on after `start` with what does not depend on it; the function that `start` gives is called before the outputs
 * are read, and has written them when it returns. Until then nobody else changes the inputs.
 */
export interface HostCall {
  readonly name: string
  /** All inputs and outputs have one shape, and each element depends on those at its place only: vmap may add axes. */
  readonly elementwise?: true
  /** Gives the function that ends the work, or nothing. */
  start(inputs: readonly HostArray[], outputs: readonly HostArray[]): unknown
}

/** Ends what `start` began. */
export function endCall(wait: unknown): void {
  if (typeof wait === 'function') wait()
}

export type Prim =
  /** Runs for its effect too, in the order of tracing. `gives` are its outputs; without any it ends at once. */
  | { op: 'host'; call: HostCall; gives: readonly { shape: Shape; dtype: DType }[] }
  /** One more output of a node that has several: the node itself is its first. */
  | { op: 'output'; index: number }
  /** A value given from outside: slot `index` of the executable's inputs, read through a layout. */
  | { op: 'input'; index: number; strides: readonly number[]; offset: number; length: number }
  /** One number; shape []. */
  | { op: 'const'; value: number }
  /** Elementwise; the inputs broadcast to the node's shape. */
  | { op: 'map'; fn: MapFn }
  /** As 'copy', but the run fails with an index error unless lo <= x < hi (or x == except). int32. */
  | { op: 'check'; lo: number; hi: number; except?: number; what: string }
  /** int32: the coordinate along `axis`. */
  | { op: 'iota'; axis: number; shape: Shape }
  /** int32 random bits by Philox4x32-10; the input is int32[3]: key low, key high, counter block. See core/philox.ts. */
  | { op: 'random'; shape: Shape }
  /** Reduced axes stay with extent 1. Sum of float32 is accurate as pairwise summation at least. max and min propagate NaN. */
  | { op: 'reduce'; fn: ReduceFn; axes: readonly number[] }
  /** First index of the largest or smallest (NaN wins); int32; the axis stays with extent 1. */
  | { op: 'argreduce'; fn: 'max' | 'min'; axis: number }
  /** Same elements in row-major order, other shape. */
  | { op: 'reshape'; shape: Shape }
  | { op: 'view'; view: View }
  /**
   * The adjoint of a view: a tensor of `shape`, where out[view(i)] = x[i] (or += with accumulate), all else
   * `fill`, or base when there is a second input. Inputs: x [, base].
   */
  | { op: 'place'; shape: Shape; view: View; fill: number; accumulate: boolean }
  | { op: 'concat'; axis: number }
  /** (..., M, K) x (..., K, N) with equal batch axes (expand them before); float. */
  | { op: 'matmul' }
  /** x, index (int32, one axis): the slices of x at index along the axis. Out of range fails the run. */
  | { op: 'take'; axis: number }
  /** base, index (one axis), src: base with its slices at index set to, or combined with, those of src. */
  | { op: 'put'; axis: number; mode: 'set' | 'add' | 'mul' | 'max' | 'min' }
  /** torch.gather: x, index of the same rank (extents may be smaller off the axis). */
  | { op: 'gather'; axis: number }
  /** torch.scatter_reduce with include_self: base, index, src. 'set' is torch.scatter. */
  | { op: 'scatter'; axis: number; mode: 'set' | 'add' | 'mul' | 'max' | 'min' }
  /** Running sum, product, maximum or minimum along an axis; argmax and argmin give the int32 index of the running extreme (last one on ties, as torch.cummax). */
  | { op: 'scan'; fn: ReduceFn | 'argmax' | 'argmin'; axis: number }
  /** Stable; NaN last (first when descending); int32 indices along the last axis. */
  /**
   * Of matrices (batch, m, n), floating point. Outputs: L below the diagonal with U on and above it; int32 rows that each
   * row was exchanged with (batch, min(m, n)); int32 number of the first pivot that is 0, from 1, or 0 (batch).
   */
  | { op: 'lu' }
  /** Of (batch, n, n), the lower triangle. Outputs: L, NaN where there is none; int32 order of the first minor that is not positive, or 0. */
  | { op: 'cholesky' }
  /** X of T X = B, or Tᵀ X = B: T (batch, n, n), B (batch, n, columns). */
  | { op: 'solveTriangular'; upper: boolean; transposed: boolean; unit: boolean }
  /** Of (batch, m, n) by Householder reflections. Outputs: R on and above the diagonal, the reflections below it; their factors (batch, min(m, n)). */
  | { op: 'qr' }
  /** The first columns of the product of reflections as 'qr' gives them: packed (batch, m, n), factors (batch, k). */
  | { op: 'householderProduct'; columns: number }
  /** Of (batch, n, n) float64, the lower triangle. Outputs: values ascending (batch, n); vectors in columns. */
  | { op: 'eigh' }
  /** Of (batch, m, n) float64, m >= n. Outputs: U (batch, m, n); Vᵀ (batch, n, n); values descending (batch, n). */
  | { op: 'svd' }
  /** Rows (rows, n, 2) of complex numbers: sums of x exp(sign 2πi jk/n). */
  | { op: 'fft'; sign: 1 | -1 }
  | { op: 'argsort'; descending: boolean }
  /** sorted (B..., n), values (B..., m): insertion places, int32. */
  | { op: 'searchsorted'; right: boolean }
  /** x (N, C, spatial), w (O, C/groups, kernel): cross-correlation. One to three spatial axes. */
  | { op: 'conv'; window: Window; groups: number }
  /** Gradient of conv by x: ct (N, O, out), w. shape is x's. (Also the transposed convolution.) */
  | { op: 'convInput'; window: Window; groups: number; shape: Shape }
  /** Gradient of conv by w: ct, x. shape is w's. */
  | { op: 'convWeight'; window: Window; groups: number; shape: Shape }
  /**
   * Max over windows of x (N, C, spatial); padding never wins. Second output, int32: the flat index into the spatial
   * axes of the first maximum of each window.
   */
  | { op: 'maxPool'; window: Window }
  /** Sum over windows, times a factor; padding counts zero. Its adjoint is sumPoolInput. */
  | { op: 'sumPool'; window: Window; factor: number }
  | { op: 'sumPoolInput'; window: Window; shape: Shape; factor: number }
  /** ct (N, C, out), index (N, C, out) flat spatial indices: zeros of `shape` with ct added at index. */
  | { op: 'maxPoolInput'; shape: Shape }
  /** x (rows, gates · H), weight (gates · H, H), h0 (B, H) [, LSTM: c0 (B, H)] [, GRU: bias (H)]: what each row saves for backward, its state first, (rows, saved · H). See ops/recurrence.ts. */
  | { op: 'recurrent'; run: RecurrentRun }
  /** What each row saved, ct of h (rows, H), weight, h0 [, LSTM: c0] [, LSTM: ct of c]: the gradients of each row, (rows, grads · H). */
  | { op: 'recurrentBack'; run: RecurrentRun }

export interface Node {
  readonly prim: Prim
  readonly inputs: readonly Node[]
  readonly shape: Shape
  readonly dtype: DType
  /** The call that asked for it. */
  label: Call
  /** Nodes with different fences stay apart: what is computed again later must not be computed early and kept. */
  fence?: number
  /** Its place among the nodes that are being walked over; of no meaning afterwards. */
  index?: number
}

/** What a program gives back: a node's value, written to output slot i, or in place to an input's storage. */
export interface GraphOutput {
  node: Node
  /** The input whose storage receives the value (its layout must be contiguous); otherwise a fresh output. */
  into?: number
}

export interface Graph {
  inputs: Node[]
  /** Every node reachable from the outputs, producers first. */
  nodes: Node[]
  outputs: GraphOutput[]
  /** Nodes that must run whether or not somebody reads them. */
  effects?: readonly Node[]
}

export function windowShape(spatial: Shape, w: Window): number[] {
  return spatial.map((n, i) =>
    Math.max(
      0,
      Math.floor(
        (n + w.padding[i]![0] + w.padding[i]![1] - w.dilation[i]! * (w.kernel[i]! - 1) - 1) /
          w.stride[i]!,
      ) + 1,
    ),
  )
}
