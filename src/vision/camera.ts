/** Pictures under a homography, and the ground as a tilted camera sees it and as it is seen from above. */
import { ShapeError, show, ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames, showValue } from '../core/options.js'
import { expand } from '../ops/broadcast.js'
import { gridSample } from '../ops/gridSample.js'
import { avgPool2d } from '../ops/pool.js'
import type { Tensor } from '../ops/tensor.js'
import { tensor } from '../tensor/creation.js'
import { onBatch, requireMode } from './images.js'

/** Three rows of three numbers. */
export type Homography = readonly (readonly [number, number, number])[]

const times = (m: Homography, x: number, y: number): [number, number, number] =>
  m.map(([a, b, c]) => a * x + b * y + c) as [number, number, number]

/** @throws ValueError for a matrix that is not 3 by 3, finite and of full rank */
function inverse(op: string, m: Homography): Homography {
  const whole = m.length === 3 && m.every((row) => row.length === 3 && row.every(Number.isFinite))
  const [[a, b, c], [d, e, f], [g, h, i]] = whole
    ? (m as unknown as [number[], number[], number[]])
    : [[0], [0], [0]]
  const det = a! * (e! * i! - f! * h!) - b! * (d! * i! - f! * g!) + c! * (d! * h! - e! * g!)
  if (!whole || !Number.isFinite(1 / det))
    throw new ValueError({
      op,
      rule: 'the matrix must be 3 by 3, of finite numbers and with an inverse',
      got: showValue(m),
    })
  return [
    [e! * i! - f! * h!, c! * h! - b! * i!, b! * f! - c! * e!],
    [f! * g! - d! * i!, a! * i! - c! * g!, c! * d! - a! * f!],
    [d! * h! - e! * g!, b! * g! - a! * h!, a! * e! - b! * d!],
  ].map((row) => row.map((v) => v / det)) as unknown as Homography
}

export interface PerspectiveOptions {
  mode?: 'bilinear' | 'nearest'
}
const perspectiveOptions: OptionNames<PerspectiveOptions> = { mode: true }

/**
 * Pictures under a homography: what lies at pixel (x, y) comes to (u, v) with (u w, v w, w) = M (x, y, 1); pixels have their centers
 * at whole numbers. What the picture does not reach, and what would lie behind the camera (w ≤ 0), is 0.
 *
 * Shapes: x (N, C, H, W) or (C, H, W); the result has `size` [height, width]. OpenCV, kornia: warpPerspective, warp_perspective.
 * @throws ValueError for a matrix without an inverse
 * @example warpPerspective(tensor([[[1, 2, 3]]]), [[1, 0, 1], [0, 1, 0], [0, 0, 1]], [1, 3]) // [[[0, 1, 2]]]
 */
export function warpPerspective(
  x: Tensor,
  matrix: Homography,
  size: readonly [number, number],
  options: PerspectiveOptions = {},
): Tensor {
  const op = 'warpPerspective'
  const { mode = 'bilinear' } = checkOptions(op, options, perspectiveOptions)
  requireMode(op, 'mode', mode, ['bilinear', 'nearest'])
  const [height, width] = checkSize(op, 'size', size)
  const back = inverse(op, matrix)
  return onBatch(op, x, (t) => {
    const [n, , h, w] = t.shape as [number, number, number, number]
    const grid = new Float32Array(height * width * 2)
    for (let v = 0; v < height; v++)
      for (let u = 0; u < width; u++) {
        const [px, py, depth] = times(back, u, v)
        const at = 2 * (v * width + u)
        // Beyond the edge lies nothing.
        grid[at] = depth > 0 ? (2 * (px / depth) + 1) / w - 1 : 9
        grid[at + 1] = depth > 0 ? (2 * (py / depth) + 1) / h - 1 : 9
      }
    const places = tensor(grid, { shape: [1, height, width, 2] })
    return gridSample(t, expand(places, [n, height, width, 2]), { mode })
  })
}

function checkSize(op: string, name: string, size: readonly number[]): [number, number] {
  if (
    !(
      Array.isArray(size) &&
      size.length === 2 &&
      size.every((n) => Number.isSafeInteger(n) && n > 0)
    )
  )
    throw new ValueError({
      op,
      rule: `${name} must be [height, width], whole numbers from 1`,
      got: showValue(size),
    })
  return size as unknown as [number, number]
}

export interface GroundCameraOptions {
  /** Height and width of the camera's picture; [64, 96] unless given. */
  picture?: readonly [number, number]
  /** Height and width of the top view, in square pixels; [64, 64] unless given. */
  ground?: readonly [number, number]
  /** Degrees by which the camera looks below the horizon; 35 unless given. */
  tilt?: number
  /** How high it hangs, in widths of the ground that the top view shows; 0.6 unless given. */
  elevation?: number
  /** From the point of the ground below the camera to the near edge of the top view, in the same unit; 0.35 unless given. */
  distance?: number
  /** Focal length, in widths of the picture; 0.6 unless given. */
  focal?: number
}
const cameraOptions: OptionNames<GroundCameraOptions> = {
  picture: true,
  ground: true,
  tilt: true,
  elevation: true,
  distance: true,
  focal: true,
}

/**
 * A pinhole camera that looks down at a piece of flat ground. The top view shows that piece from above, what is far at the top; the
 * camera sees what is far small and near the horizon.
 *
 * A point x to the right and z ahead of the camera, which hangs h high and looks down by t, lies at depth d = h sin t + z cos t, at
 * u = cx + f x / d and v = cy + f (h cos t − z sin t) / d (Hartley and Zisserman, Multiple View Geometry, chapter 8).
 * @throws ValueError for options outside of their ranges, and where the ground begins behind the camera
 * @example new GroundCamera({ picture: [4, 6], ground: [4, 4] }).topView(ones([1, 4, 6])).shape // [1, 4, 4]
 */
export class GroundCamera {
  readonly picture: readonly [number, number]
  readonly ground: readonly [number, number]
  /** From pixels of the top view to those of the picture; the third coordinate is the depth. */
  readonly matrix: Homography

  constructor(options: GroundCameraOptions = {}) {
    const op = 'GroundCamera'
    const o = checkOptions(op, options, cameraOptions)
    const { tilt = 35, elevation = 0.6, distance = 0.35, focal = 0.6 } = o
    this.picture = checkSize(op, 'picture', o.picture ?? [64, 96])
    this.ground = checkSize(op, 'ground', o.ground ?? [64, 64])
    const rules: Record<string, [rule: string, holds: boolean, got: number]> = {
      tilt: ['degrees above 0 and below 90', tilt > 0 && tilt < 90, tilt],
      elevation: ['a number above 0', elevation > 0 && elevation < Infinity, elevation],
      distance: ['a finite number', Number.isFinite(distance), distance],
      focal: ['a number above 0', focal > 0 && focal < Infinity, focal],
    }
    for (const [name, [rule, holds, got]] of Object.entries(rules))
      if (!holds) throw new ValueError({ op, rule: `${name}: ${rule}`, got: showValue(got) })
    const [height, width] = this.picture
    const [rows, columns] = this.ground
    const [sin, cos] = [Math.sin((tilt * Math.PI) / 180), Math.cos((tilt * Math.PI) / 180)]
    if (elevation * sin + (distance + 0.5 / columns) * cos <= 0)
      throw new ValueError({
        op,
        rule: 'the near edge of the ground must lie in front of the camera',
        got: `distance ${distance} under a tilt of ${tilt} degrees`,
      })
    // Pixel (i, j) of the top view lies at x = i / columns + x0, z = −j / columns + z0.
    const [x0, z0] = [0.5 / columns - 0.5, distance + (rows - 0.5) / columns]
    const f = focal * width
    const [cx, cy] = [(width - 1) / 2, (height - 1) / 2]
    const depth = [0, -cos / columns, elevation * sin + z0 * cos] as const
    const down = [0, sin / columns, elevation * cos - z0 * sin] as const
    const right = [1 / columns, 0, x0] as const
    const row = (across: readonly number[], c: number) =>
      across.map((v, k) => f * v + c * depth[k]!) as unknown as [number, number, number]
    this.matrix = [row(right, cx), row(down, cy), depth]
  }

  /** Where points of the top view [x, y] lie in the picture, [u, v], in pixels. @throws ValueError for one behind the camera */
  project(points: readonly (readonly [number, number])[]): [number, number][] {
    return points.map(([x, y]) => {
      const [u, v, depth] = times(this.matrix, x, y)
      if (!(depth > 0))
        throw new ValueError({
          op: 'GroundCamera.project',
          rule: 'points must lie in front of the camera',
          got: `[${x}, ${y}]`,
        })
      return [u / depth, v / depth]
    })
  }
  /**
   * What the camera sees of the ground, 0 beyond it; each pixel is the mean of `samples` by `samples` rays.
   *
   * Shapes: ground (N, C, h, w) or (C, h, w), result the same of the picture's size.
   * @throws ShapeError for another size
   */
  view(ground: Tensor, samples = 2): Tensor {
    if (!(Number.isSafeInteger(samples) && samples > 0))
      throw new ValueError({
        op: 'GroundCamera.view',
        rule: 'samples: a whole number from 1',
        got: showValue(samples),
      })
    this.requireSize('view', ground, this.ground)
    // Pixel u of the picture holds the rays samples (u + 0.5) − 0.5 around.
    const [across, down, depth] = this.matrix as [number[], number[], [number, number, number]]
    const finer = (list: number[]) =>
      list.map((v, k) => samples * v + ((samples - 1) / 2) * depth[k]!) as [number, number, number]
    const [height, width] = this.picture
    const fine = warpPerspective(
      ground,
      [finer(across), finer(down), depth],
      [samples * height, samples * width],
    )
    return samples === 1 ? fine : onBatch('GroundCamera.view', fine, (t) => avgPool2d(t, samples))
  }
  /**
   * The picture laid on the ground: inverse perspective mapping, which knows the camera and learns nothing. What the camera does not
   * see is 0.
   *
   * Shapes: picture (N, C, H, W) or (C, H, W), result the same of the ground's size.
   * @throws ShapeError for another size
   */
  topView(picture: Tensor): Tensor {
    this.requireSize('topView', picture, this.picture)
    return warpPerspective(picture, inverse('GroundCamera.topView', this.matrix), this.ground)
  }
  private requireSize(method: string, x: Tensor, size: readonly number[]): void {
    if (size.some((n, k) => x.shape[x.rank - 2 + k] !== n))
      throw new ShapeError({
        op: `GroundCamera.${method}`,
        rule: `pictures must be ${size.join('x')}`,
        got: show(x.shape),
      })
  }
}
