/** Values of images and volumes between their places. */
import { add, div, mul, sub, where } from './arithmetic.js'
import { coordinates, expand, reshape } from './broadcast.js'
import { ShapeError, show, ValueError } from '../core/errors.js'
import { kinds, oneOf, type PlacesOr, readOptions } from '../core/options.js'
import { sizeOf } from '../core/shape.js'
import { full } from './creation.js'
import { ge, gt, isfinite, le, logicalAnd, lt } from './compare.js'
import { defineOp, type Grads, toType } from './define.js'
import { remainder } from './elementwise.js'
import { abs, ceil, floor, round, trunc } from './functions.js'
import { gather } from './indexing.js'
import { stack } from './join.js'
import { matmul } from './linalg.js'
import { transpose } from './movement.js'
import { cubicKernel } from './resize.js'
import { select } from './slice.js'
import { noGrad } from './state.js'
import type { Tensor } from './tensor.js'
import { checkFloats } from './window.js'

export interface SampleOptions {
  mode?: 'bilinear' | 'nearest' | 'bicubic'
  /** Values outside of the image: zeros, the nearest border pixel, or the image reflected. */
  paddingMode?: 'zeros' | 'border' | 'reflection'
  /** Whether −1 and 1 are the centers of the corner pixels (true) or their outer edges (false, when not given). */
  alignCorners?: boolean
}

/** A place limited to 0 .. last; without a slope there, as PyTorch has it. NaN becomes 0 in images, `last` in volumes. */
const limited = defineOp({
  name: 'limited',
  formula: 'y = min(max(p, 0), last),  dp = dy where 0 < p < last, else 0 · dy',
  args: (p: Tensor, last: number, volume: boolean) => ({ inputs: [p], attrs: { last, volume } }),
  forward: ([p], { last, volume }) => {
    const edge = volume ? where(le(p!, 0), 0, last) : where(ge(p!, last), last, 0)
    return where(logicalAnd(gt(p!, 0), lt(p!, last)), p!, toType(edge, p!.dtype))
  },
  vjp: (ct, [p], _y, { last }): Grads => [
    mul(ct, toType(logicalAnd(gt(p!, 0), lt(p!, last)), ct.dtype)),
  ],
  example: (m) => [
    [m.of([-1, 1.5, 9]), 3, false],
    [0, 1.5, 3],
  ],
  samples: (m) => [
    [m.float([2, 3]), 1, false],
    [m.float([3]), 1, true],
  ],
})
/** A place reflected at the centers of the first and last one, or at their outer edges, by PyTorch's two formulas. */
function reflected(p: Tensor, n: number, alignCorners: boolean, volume: boolean): Tensor {
  const lo = alignCorners ? 0 : -0.5
  const span = alignCorners ? n - 1 : n
  if (span === 0) return mul(p, 0)
  const away = abs(sub(p, lo))
  if (volume) {
    const rest = remainder(away, span)
    const even = lt(remainder(floor(div(away, span)), 2), 1)
    return add(where(even, rest, sub(span, rest)), lo)
  }
  const rest = sub(away, mul(trunc(div(away, 2 * span)), 2 * span))
  const back = sub(2 * span, rest)
  return add(where(lt(back, rest), back, rest), lo)
}

/** The nearest place; from the middle PyTorch goes to the even one in images, away from 0 in volumes. */
const nearest = (p: Tensor, volume: boolean): Tensor =>
  volume ? where(lt(p, 0), ceil(sub(p, 0.5)), floor(add(p, 0.5))) : round(p)

/** What is read along one axis: places, which of them exist, and their weights (null: 1). */
interface Tap {
  at: Tensor
  inside: Tensor
  weight: Tensor | null
}

/**
 * x at the places of a grid, whose last axis holds (x, y) or (x, y, z) from −1, the left, upper or front edge, to 1.
 *
 * Shapes: x (N, C, H, W), grid (N, H', W', 2), result (N, C, H', W'); or x (N, C, D, H, W), grid (N, D', H', W', 3), result
 * (N, C, D', H', W'). 'bilinear' is trilinear there; 'bicubic' is for images only.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.grid_sample.html
 * @throws ShapeError for other shapes; ValueError for another mode
 * @example gridSample(tensor([[[[1, 3]]]]), tensor([[[[0, 0]]]])) // [[[[2]]]]
 */
export function gridSample(x: Tensor, grid: Tensor, ...rest: PlacesOr<SampleOptions>): Tensor {
  const op = 'gridSample'
  const {
    mode = 'bilinear',
    paddingMode = 'zeros',
    alignCorners = false,
  } = readOptions<SampleOptions>(op, rest, {
    mode: oneOf('bilinear', 'nearest', 'bicubic'),
    paddingMode: oneOf('zeros', 'border', 'reflection'),
    alignCorners: kinds.flag,
  })
  checkFloats(op, x, grid)
  const n = x.rank - 2
  if (
    (n !== 2 && n !== 3) ||
    grid.rank !== x.rank ||
    grid.shape[n + 1] !== n ||
    grid.shape[0] !== x.shape[0]
  )
    throw new ShapeError({
      op,
      rule: "x has shape (N, C, H, W) and grid (N, H', W', 2), or (N, C, D, H, W) and (N, D', H', W', 3)",
      got: `${show(x.shape)} and ${show(grid.shape)}`,
    })
  const volume = n === 3
  if (volume && mode === 'bicubic')
    throw new ValueError({ op, rule: "'bicubic' is for images", got: `x of ${show(x.shape)}` })
  const [batch, channels, ...spatial] = x.shape as [number, number, ...number[]]
  const out = grid.shape.slice(1, -1)
  const count = sizeOf(out)
  if (sizeOf(spatial) === 0)
    throw new ShapeError({ op, rule: 'x has at least one place', got: show(x.shape) })

  const inBounds = (p: Tensor, m: number) =>
    paddingMode === 'zeros'
      ? p
      : limited(paddingMode === 'border' ? p : reflected(p, m, alignCorners, volume), m - 1, volume)
  const tap = (p: Tensor, m: number, weight: Tensor | null): Tap => {
    const inside = logicalAnd(ge(p, 0), le(p, m - 1))
    return { at: noGrad(() => toType(where(inside, p, 0), 'int32')), inside, weight }
  }
  /** The grid's last axis begins with the last axis of x. */
  const taps = spatial.map((m, a): Tap[] => {
    const g = reshape(select(grid, n + 1, n - 1 - a), [batch, 1, count])
    const p = alignCorners ? mul(div(add(g, 1), 2), m - 1) : div(sub(mul(add(g, 1), m), 1), 2)
    if (mode === 'nearest') return [tap(nearest(inBounds(p, m), volume), m, null)]
    if (mode === 'bilinear') {
      const q = inBounds(p, m)
      const low = floor(q)
      // In a volume what lies nowhere has no part; in an image its weight, NaN, has.
      const share = volume ? where(isfinite(q), sub(q, low), 0) : sub(q, low)
      return [tap(low, m, sub(1, share)), tap(add(low, 1), m, share)]
    }
    const low = floor(p)
    return cubicKernel(sub(p, low)).map((w, i) => tap(inBounds(add(low, i - 1), m), m, w))
  })

  const flat = reshape(x, [batch, channels, sizeOf(spatial)])
  const corners = taps.reduce<Tap[]>(
    (all, axis, a) =>
      a === 0
        ? axis
        : all.flatMap((u) =>
            axis.map((v) => ({
              at: add(mul(u.at, spatial[a]!), v.at),
              inside: logicalAnd(u.inside, v.inside),
              weight: u.weight && v.weight ? mul(u.weight, v.weight) : null,
            })),
          ),
    [],
  )
  const y = corners
    .map(({ at, inside, weight }) => {
      const read = gather(flat, 2, expand(at, [batch, channels, count]))
      const value = where(inside, read, 0)
      return weight ? mul(value, weight) : value
    })
    .reduce((a, b) => add(a, b))
  return reshape(y, [batch, channels, ...out])
}

/**
 * The grid of an affine transform: the place (x, y) of the result is read at theta · (x, y, 1).
 *
 * Shapes: theta (N, 2, 3), size [N, C, H, W], result (N, H, W, 2); or theta (N, 3, 4), size [N, C, D, H, W], result
 * (N, D, H, W, 3). https://pytorch.org/docs/stable/generated/torch.nn.functional.affine_grid.html
 * @throws ShapeError
 * @example affineGrid(tensor([[[1, 0, 0], [0, 1, 0]]]), [1, 1, 1, 2]) // [[[[-0.5, 0], [0.5, 0]]]]
 */
export function affineGrid(
  theta: Tensor,
  size: readonly number[],
  options?: boolean | { alignCorners?: boolean },
): Tensor {
  const op = 'affineGrid'
  const { alignCorners = false } = readOptions<{ alignCorners?: boolean }>(op, [options], {
    alignCorners: kinds.flag,
  })
  checkFloats(op, theta)
  const [batch, , ...spatial] = size as [number, number, ...number[]]
  const n = spatial.length
  if (
    (n !== 2 && n !== 3) ||
    theta.rank !== 3 ||
    theta.shape[0] !== batch ||
    theta.shape[1] !== n ||
    theta.shape[2] !== n + 1
  )
    throw new ShapeError({
      op,
      rule: 'theta has shape (N, 2, 3) and size is [N, C, H, W], or (N, 3, 4) and [N, C, D, H, W]',
      got: `${show(theta.shape)} and ${show(size)}`,
    })
  // 2(i + ½)/m − 1, or 2i/(m − 1) − 1 where the corners' middles are −1 and 1.
  const zeros = full(spatial, 0, theta.dtype)
  const along = spatial.map((m, a) => {
    const i = toType(coordinates(zeros, a), theta.dtype)
    if (!alignCorners) return sub(mul(add(i, 0.5), 2 / m), 1)
    return m === 1 ? zeros : sub(mul(i, 2 / (m - 1)), 1)
  })
  const base = stack([...along.reverse(), full(spatial, 1, theta.dtype)], n)
  const rows = matmul(reshape(base, [1, sizeOf(spatial), n + 1]), transpose(theta, 1, 2))
  return reshape(rows, [batch, ...spatial, n])
}
