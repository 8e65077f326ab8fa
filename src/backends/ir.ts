/**
 * The primitives: all that a backend can be asked to do. Everything else is composed from them in ops/. What each is,
 * to the compiler, the backends and vmap, stands in its record in prims/.
 * A graph is a list of nodes in the order of tracing; inputs of a node stand before it.
 */
import type { DType, TypedArray } from '../core/dtype.js'
import type { Shape } from '../core/shape.js'
import type { Call } from './call.js'
import type { AttentionPrims } from './prims/attention.js'
import type { ElementwisePrims } from './prims/elementwise.js'
import type { ExpressionPrims } from './prims/expression.js'
import type { GivenPrims } from './prims/given.js'
import type { IndexingPrims } from './prims/indexing.js'
import type { LinalgPrims } from './prims/linalg.js'
import type { MovePrims } from './prims/move.js'
import type { OrderPrims } from './prims/order.js'
import type { ProductPrims } from './prims/products.js'
import type { QuantizedPrims } from './prims/quantized.js'
import type { RecurrentPrims } from './prims/recurrent.js'
import type { SparsePrims } from './prims/sparse.js'
import type { WindowPrims } from './prims/windows.js'

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
  /**
   * The inputs lie in memory one behind the other, without gaps, and so do the outputs: `data()` of the first and of the
   * last are parts of one buffer. All inputs have one type, and all outputs. For a bucket of gradients.
   */
  readonly together?: true
  /** Where inputs and outputs that lie together should lie in a program; undefined: anywhere. */
  memory?(bytes: number): ArrayBuffer | undefined
  /** Gives the function that ends the work, or nothing. */
  start(inputs: readonly HostArray[], outputs: readonly HostArray[]): unknown
}

/** Ends what `start` began. */
export function endCall(wait: unknown): void {
  if (typeof wait === 'function') wait()
}

/**
 * A body that runs again and again. Its inputs, contiguous: the carried values, a slice along axis 0 of each of the
 * scanned ones, then what stays the same. Its outputs: the carried values for the next iteration, then those whose values
 * of all iterations are stacked.
 */
export interface Loop {
  readonly inputs: readonly Node[]
  readonly nodes: readonly Node[]
  readonly outputs: readonly Node[]
  readonly carried: number
  readonly scanned: number
  /** How often; undefined: while the last carried value, a bool, is true. */
  readonly count: number | undefined
  /** From the last slice to the first. */
  readonly reverse: boolean
}

/** Their attributes by name; each family of primitives says its own, beside its records. */
interface Attributes
  extends GivenPrims,
    ElementwisePrims,
    ExpressionPrims,
    MovePrims,
    ProductPrims,
    IndexingPrims,
    OrderPrims,
    LinalgPrims,
    WindowPrims,
    RecurrentPrims,
    AttentionPrims,
    QuantizedPrims,
    SparsePrims {
  /** One more output of a node that has several: the node itself is its first. Of an expression: with a name of its own. */
  output: { index: number } | { index: number; fn: string }
  /**
   * Inputs: initial values of what is carried, what is scanned, what stays the same. Outputs: this node, which has no
   * elements; then the last values of what is carried, then the stacks.
   */
  loop: { loop: Loop }
}
export type Prim = { [K in keyof Attributes]: { op: K } & Attributes[K] }[keyof Attributes]

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
