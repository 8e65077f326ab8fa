/** Convolution and its transpose, over one to three spatial axes. */
import { rare } from '../backends/prims.js'
import { windowPrims } from '../backends/prims/windows.js'
import { add } from './arithmetic.js'
import type { Window } from '../backends/ir.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, type PlacesOr, readOptions } from '../core/options.js'
import type { Shape } from '../core/shape.js'
import { operandThenOptions } from './arguments.js'
import { alongChannels, sumToChannels } from './channels.js'
import { defineOp, type Grads } from './define.js'
import type { Tensor } from './tensor.js'
import { prim } from './trace.js'
import { batched, checkFits, checkFloats, type Extents, extents, windowOf } from './window.js'

const plain = (...kernel: number[]) => windowOf(kernel)

/**
 * Cross-correlation with windows of any geometry; conv1d, conv2d and conv3d are its public forms.
 *
 * Shapes: x (N, C, spatial), weight (O, C/groups, kernel), bias (O), result (N, O, windows).
 */
export const convolution = defineOp({
  name: 'convolution',
  formula: 'y[n,o,i] = b[o] + Σ_{c,k} w[o,c,k] x[n, c, s·i + d·k − p]',
  source: 'https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html',
  args: (x: Tensor, weight: Tensor, bias: Tensor | null, window: Window, groups: number) => ({
    inputs: bias ? [x, weight, bias] : [x, weight],
    attrs: { window, groups },
  }),
  forward: ([x, weight, bias], { window, groups }) => {
    const y = prim(rare(windowPrims, { op: 'conv', window, groups }), [x!, weight!])
    return bias ? add(y, alongChannels(bias, y.rank)) : y
  },
  vjp: (ct, [x, weight, bias], _y, { window, groups }): Grads => [
    convolutionInput(ct, weight!, window, groups, x!.shape),
    convolutionWeight(ct, x!, window, groups, weight!.shape),
    bias ? sumToChannels(ct) : null,
  ],
  // 1·1 + 2·10, 2·1 + 3·10, with 100 added.
  example: (m) => [
    [m.of([[[1, 2, 3]]]), m.of([[[1, 10]]]), m.of([100]), plain(2), 1],
    [[[121, 132]]],
  ],
  samples: (m) => [
    [m.float([2, 3, 5]), m.float([4, 3, 3]), m.float([4]), plain(3), 1],
    [
      m.float([2, 4, 5, 6]),
      m.float([6, 2, 3, 2]),
      null,
      {
        kernel: [3, 2],
        stride: [2, 1],
        dilation: [1, 2],
        padding: [
          [1, 1],
          [0, 1],
        ],
      },
      2,
    ],
    [m.float([1, 2, 3, 4, 3]), m.float([2, 1, 2, 3, 2]), m.float([2]), plain(2, 3, 2), 2],
    [m.float([1, 3, 4, 4]), m.float([2, 3, 1, 1]), null, plain(1, 1), 1],
    [m.float([0, 1, 3]), m.float([2, 1, 2]), m.float([2]), plain(2), 1],
  ],
})

/**
 * The transpose of the linear map x to `convolution(x, weight)`: also its gradient by x. `shape` is x's.
 *
 * Shapes: y (N, O, windows), weight (O, C/groups, kernel), result (N, C, spatial).
 */
export const convolutionInput = defineOp({
  name: 'convolutionInput',
  formula: 'x[n, c, s·i + d·k − p] += Σ_o w[o,c,k] y[n,o,i]',
  args: (y: Tensor, weight: Tensor, window: Window, groups: number, shape: Shape) => ({
    inputs: [y, weight],
    attrs: { window, groups, shape: [...shape] },
  }),
  forward: ([y, weight], { window, groups, shape }) =>
    prim(rare(windowPrims, { op: 'convInput', window, groups, shape }), [y!, weight!]),
  vjp: (ct, [y, weight], _x, { window, groups }): Grads => [
    convolution(ct, weight!, null, window, groups),
    convolutionWeight(y!, ct, window, groups, weight!.shape),
  ],
  // 1 at places 0 and 1, 2 at places 1 and 2, each times (1, 10).
  example: (m) => [[m.of([[[1, 2]]]), m.of([[[1, 10]]]), plain(2), 1, [1, 1, 3]], [[[1, 12, 20]]]],
  samples: (m) => [
    [m.float([2, 4, 3]), m.float([4, 3, 3]), plain(3), 1, [2, 3, 5]],
    [
      m.float([1, 4, 2, 2]),
      m.float([4, 1, 2, 2]),
      {
        kernel: [2, 2],
        stride: [2, 2],
        dilation: [1, 1],
        padding: [
          [0, 0],
          [1, 1],
        ],
      },
      2,
      [1, 2, 4, 3],
    ],
  ],
})

/** The gradient of `convolution(x, weight)` by the weight, whose shape is `shape`, from that of its result. */
export const convolutionWeight = defineOp({
  name: 'convolutionWeight',
  formula: 'w[o,c,k] = Σ_{n,i} y[n,o,i] x[n, c, s·i + d·k − p]',
  args: (y: Tensor, x: Tensor, window: Window, groups: number, shape: Shape) => ({
    inputs: [y, x],
    attrs: { window, groups, shape: [...shape] },
  }),
  forward: ([y, x], { window, groups, shape }) =>
    prim(rare(windowPrims, { op: 'convWeight', window, groups, shape }), [y!, x!]),
  vjp: (ct, [y, x], _w, { window, groups }): Grads => [
    convolution(x!, ct, null, window, groups),
    convolutionInput(y!, ct, window, groups, x!.shape),
  ],
  // 1·1 + 2·2, 1·2 + 2·3.
  example: (m) => [[m.of([[[1, 2]]]), m.of([[[1, 2, 3]]]), plain(2), 1, [1, 1, 2]], [[[5, 8]]]],
  samples: (m) => [
    [m.float([2, 4, 3]), m.float([2, 3, 5]), plain(3), 1, [4, 3, 3]],
    [
      m.float([2, 2, 2, 2]),
      m.float([2, 4, 3, 4]),
      {
        kernel: [2, 2],
        stride: [1, 2],
        dilation: [1, 1],
        padding: [
          [0, 0],
          [0, 0],
        ],
      },
      2,
      [2, 2, 2, 2],
    ],
  ],
})

const convPlaces = {
  stride: kinds.extents,
  padding: kinds.any,
  dilation: kinds.extents,
  groups: kinds.integer,
}
const transposePlaces = {
  stride: kinds.extents,
  padding: kinds.extents,
  outputPadding: kinds.extents,
  groups: kinds.integer,
  dilation: kinds.extents,
}

export interface ConvOptions {
  stride?: Extents
  /** Zeros on both sides; 'valid': none; 'same': as many as keep the shape (stride 1 only). */
  padding?: Extents | 'same' | 'valid'
  dilation?: Extents
  groups?: number
}

/** @throws ShapeError, ValueError unless weight, bias and groups fit the channels */
function checkChannels(
  op: string,
  channels: number,
  weight: Tensor,
  n: number,
  bias: Tensor | null | undefined,
  groups: number,
  transposed: boolean,
): void {
  const form = transposed ? '(in, out/groups, kernel)' : '(out, in/groups, kernel)'
  if (weight.rank !== n + 2)
    throw new ShapeError({ op, rule: `weight must be ${form}`, got: show(weight.shape) })
  if (!Number.isInteger(groups) || groups < 1)
    throw new ValueError({ op, rule: 'groups must be a whole number from 1 up', got: `${groups}` })
  const [first, second] = weight.shape as [number, number]
  if (first % groups !== 0)
    throw new ShapeError({
      op,
      rule: `${groups} groups must divide the first axis of weight`,
      got: show(weight.shape),
    })
  const wanted = transposed ? first : second * groups
  if (channels !== wanted)
    throw new ShapeError({
      op,
      rule: `x must have ${wanted} channels on axis 1`,
      got: `${channels}, for a weight of ${show(weight.shape)}${groups > 1 ? ` and ${groups} groups` : ''}`,
    })
  const out = transposed ? second * groups : first
  if (bias && (bias.rank !== 1 || bias.size !== out))
    throw new ShapeError({ op, rule: `bias must have ${out} elements`, got: show(bias.shape) })
}

/** The padding on both sides of each axis. 'same' puts the odd one after, as PyTorch does. */
export function resolvePadding(
  op: string,
  padding: Extents | 'same' | 'valid',
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): [number, number][] {
  if (padding === 'valid') return kernel.map(() => [0, 0])
  if (padding === 'same') {
    if (stride.some((s) => s !== 1))
      throw new ValueError({ op, rule: "padding 'same' needs stride 1", got: show(stride) })
    return kernel.map((k, a) => {
      const total = dilation[a]! * (k - 1)
      return [Math.floor(total / 2), Math.ceil(total / 2)]
    })
  }
  if (typeof padding === 'string')
    throw new ValueError({
      op,
      rule: "padding is a number, one for each axis, 'same' or 'valid'",
      got: `'${padding}'`,
    })
  return extents(op, 'padding', padding, kernel.length, 0).map((p) => [p, p])
}

function conv(op: string, n: number) {
  return (
    x: Tensor,
    weight: Tensor,
    biasOrOptions?: Tensor | null | ConvOptions,
    ...places: PlacesOr<ConvOptions>
  ): Tensor =>
    batched(op, x, n, (x) => {
      const [bias, rest] = operandThenOptions<ConvOptions>(biasOrOptions, places)
      const {
        stride = 1,
        padding = 0,
        dilation = 1,
        groups = 1,
      } = readOptions<ConvOptions>(op, rest, convPlaces)
      checkFloats(op, x, weight, bias)
      checkChannels(op, x.shape[1]!, weight, n, bias, groups, false)
      const kernel = weight.shape.slice(2)
      const s = extents(op, 'stride', stride, n, 1)
      const d = extents(op, 'dilation', dilation, n, 1)
      const p = resolvePadding(op, padding, kernel, s, d)
      const window = { kernel, stride: s, dilation: d, padding: p }
      checkFits(op, x.shape.slice(2), window)
      return convolution(x, weight, bias ?? null, window, groups)
    })
}

/**
 * Cross-correlation over one axis.
 *
 * Shapes: x (N, C, L) or (C, L), weight (O, C/groups, K), bias (O), result (N, O, L').
 * L' = ⌊(L + 2·padding − dilation·(K − 1) − 1)/stride⌋ + 1.
 * @throws ShapeError, ValueError, DTypeError when the arguments do not fit
 * @example conv1d(tensor([[[1, 2, 3]]]), tensor([[[1, 10]]])) // [[[21, 32]]]
 */
export const conv1d = conv('conv1d', 1)
/**
 * Cross-correlation over two axes. Shapes: x (N, C, H, W) or (C, H, W), weight (O, C/groups, KH, KW), bias (O).
 * @example conv2d(ones([1, 1, 3, 3]), ones([1, 1, 2, 2])) // [[[[4, 4], [4, 4]]]]
 */
export const conv2d = conv('conv2d', 2)
/**
 * Cross-correlation over three axes. Shapes: x (N, C, D, H, W) or (C, D, H, W), weight (O, C/groups, KD, KH, KW), bias (O).
 * @example conv3d(ones([1, 1, 2, 2, 2]), ones([1, 1, 2, 2, 2])) // [[[[[8]]]]]
 */
export const conv3d = conv('conv3d', 3)

export interface ConvTransposeOptions {
  stride?: Extents
  /** Places taken off both sides of the result. */
  padding?: Extents
  /** Places added after the result, which tells apart the inputs that a stride maps to one shape. */
  outputPadding?: Extents
  dilation?: Extents
  groups?: number
}

function convTranspose(op: string, n: number) {
  return (
    x: Tensor,
    weight: Tensor,
    biasOrOptions?: Tensor | null | ConvTransposeOptions,
    ...places: PlacesOr<ConvTransposeOptions>
  ): Tensor =>
    batched(op, x, n, (x) => {
      const [bias, rest] = operandThenOptions<ConvTransposeOptions>(biasOrOptions, places)
      const {
        stride = 1,
        padding = 0,
        outputPadding = 0,
        dilation = 1,
        groups = 1,
      } = readOptions<ConvTransposeOptions>(op, rest, transposePlaces)
      checkFloats(op, x, weight, bias)
      checkChannels(op, x.shape[1]!, weight, n, bias, groups, true)
      const kernel = weight.shape.slice(2)
      const s = extents(op, 'stride', stride, n, 1)
      const d = extents(op, 'dilation', dilation, n, 1)
      const p = extents(op, 'padding', padding, n, 0)
      const extra = extents(op, 'outputPadding', outputPadding, n, 0)
      if (extra.some((e, a) => e >= Math.max(s[a]!, d[a]!)))
        throw new ValueError({
          op,
          rule: 'outputPadding must be below stride or dilation',
          got: show(extra),
        })
      const spatial = kernel.map(
        (k, a) => (x.shape[a + 2]! - 1) * s[a]! - 2 * p[a]! + d[a]! * (k - 1) + extra[a]! + 1,
      )
      if (spatial.some((m) => m < 1))
        throw new ShapeError({
          op,
          rule: 'the result must have at least one place on each axis',
          got: show(spatial),
          fix: 'Less padding gives more.',
        })
      const window: Window = {
        kernel,
        stride: s,
        dilation: d,
        // The convolution of the result with this window gives back exactly the places of x.
        padding: p.map((v, a) => [v, extra[a]! < s[a]! ? v : v - extra[a]!]),
      }
      const channels = weight.shape[1]! * groups
      const y = convolutionInput(x, weight, window, groups, [x.shape[0]!, channels, ...spatial])
      return bias ? add(y, alongChannels(bias, y.rank)) : y
    })
}

/**
 * The transpose of conv1d: each place of x adds its multiple of the kernel to the result.
 *
 * Shapes: x (N, C, L) or (C, L), weight (C, O/groups, K), bias (O), result (N, O, L').
 * L' = (L − 1)·stride − 2·padding + dilation·(K − 1) + outputPadding + 1.
 * @throws ShapeError, ValueError, DTypeError when the arguments do not fit
 * @example convTranspose1d(tensor([[[1, 2]]]), tensor([[[1, 10]]])) // [[[1, 12, 20]]]
 */
export const convTranspose1d = convTranspose('convTranspose1d', 1)
/** The transpose of conv2d. Shapes: x (N, C, H, W) or (C, H, W), weight (C, O/groups, KH, KW), bias (O). */
export const convTranspose2d = convTranspose('convTranspose2d', 2)
/** The transpose of conv3d. Shapes: x (N, C, D, H, W) or (C, D, H, W), weight (C, O/groups, KD, KH, KW), bias (O). */
export const convTranspose3d = convTranspose('convTranspose3d', 3)
