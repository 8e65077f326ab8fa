/** Homographies and the ground before a camera: points by the camera's formula, pictures by points, there and back. */
import { gridSample, ones, rand, ShapeError, type Tensor, tensor, ValueError, zeros } from 'nabla'
import { GroundCamera, type Homography, warpPerspective } from 'nabla/vision'
import { describe, expect, test } from 'vitest'

const numbers = (t: Tensor) => Array.from(t.toTypedArray(), Number)

describe('warpPerspective', () => {
  test('moves, stretches and tilts as points do', () => {
    const x = rand([2, 3, 9, 11])
    const m: Homography = [
      [1.1, 0.2, 1.5],
      [-0.1, 0.9, 2],
      [0.01, -0.02, 1],
    ]
    const y = warpPerspective(x, m, [13, 12])
    expect(y.shape).toEqual([2, 3, 13, 12])
    // Read backwards by hand: solve u = (a x + b y + c) / (g x + h y + i) for x and y.
    for (const [u, v] of [
      [4, 5],
      [7, 6],
      [11, 12],
      [0, 0],
    ] as const) {
      const [[a, b, c], [d, e, f], [g, h, i]] = m as unknown as [number[], number[], number[]]
      const [p, q, r] = [a! - u * g!, b! - u * h!, u * i! - c!]
      const [k, l, o] = [d! - v * g!, e! - v * h!, v * i! - f!]
      const det = p * l - q * k
      const [px, py] = [(r * l - q * o) / det, (p * o - r * k) / det]
      const grid = tensor([[[[(2 * px + 1) / 11 - 1, (2 * py + 1) / 9 - 1]]]])
      const want = numbers(gridSample(x, grid.expand([2, 1, 1, 2])))
      numbers(y.narrow(2, v, 1).narrow(3, u, 1)).forEach((got, n) => {
        expect(got).toBeCloseTo(want[n]!, 4)
      })
    }
  })
  test('shifts by whole pixels exactly, and takes one picture', () => {
    const x = rand([1, 4, 5])
    const shift = (dx: number, dy: number): Homography => [
      [1, 0, dx],
      [0, 1, dy],
      [0, 0, 1],
    ]
    const y = warpPerspective(warpPerspective(x, shift(2, 1), [6, 8]), shift(-2, -1), [4, 5])
    numbers(y).forEach((v, i) => {
      expect(v).toBeCloseTo(numbers(x)[i]!, 5)
    })
  })
  test.each([
    [
      'no inverse',
      [
        [1, 2, 3],
        [2, 4, 6],
        [0, 0, 1],
      ],
      [4, 4],
      /inverse/,
    ],
    [
      'NaN',
      [
        [1, 0, Number.NaN],
        [0, 1, 0],
        [0, 0, 1],
      ],
      [4, 4],
      /finite/,
    ],
    [
      'two rows',
      [
        [1, 0, 0],
        [0, 1, 0],
      ],
      [4, 4],
      /3 by 3/,
    ],
    [
      'no size',
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
      [4, 0],
      /height, width/,
    ],
  ])('refuses %s', (_what, m, size, rule) => {
    const run = () => warpPerspective(zeros([1, 2, 2]), m as never, size as never)
    expect(run).toThrow(ValueError)
    expect(run).toThrow(rule)
  })
})

describe('GroundCamera', () => {
  const camera = new GroundCamera()
  test('points come where the pinhole formula puts them', () => {
    // Straight ahead where the axis meets the ground: the center of the picture.
    const c = new GroundCamera({ tilt: 30, elevation: 1, distance: 1, ground: [100, 100] })
    const z = 1 / Math.tan(Math.PI / 6)
    const [[u, v]] = c.project([[49.5, 99.5 - (z - 1) * 100]]) as [[number, number]]
    expect(u).toBeCloseTo(47.5, 9)
    expect(v).toBeCloseTo(31.5, 9)
    // A place to the right of it, a tenth of the ground wide: f x / depth, and as far down.
    const [[u2, v2]] = c.project([[59.5, 99.5 - (z - 1) * 100]]) as [[number, number]]
    expect(u2 - u).toBeCloseTo((0.6 * 96 * 0.1) / Math.hypot(1, z), 9)
    expect(v2).toBeCloseTo(v, 9)
  })
  test('sees all of the ground, what is far smaller', () => {
    const corners = camera.project([
      [0, 0],
      [63, 0],
      [0, 63],
      [63, 63],
    ])
    for (const [u, v] of corners) {
      expect(u).toBeGreaterThan(-0.5)
      expect(u).toBeLessThan(95.5)
      expect(v).toBeGreaterThan(-0.5)
      expect(v).toBeLessThan(63.5)
    }
    const [far, near] = [corners[1]![0] - corners[0]![0], corners[3]![0] - corners[2]![0]]
    expect(near / far).toBeGreaterThan(1.5)
  })
  test('a dot is seen where it is projected, and comes back to its place', () => {
    const ground = zeros([1, 1, 64, 64]).toTypedArray().slice() as Float32Array
    for (let y = 38; y < 43; y++) for (let x = 18; x < 23; x++) ground[y * 64 + x] = 1
    const seen = camera.view(tensor(ground, { shape: [1, 1, 64, 64] }))
    const center = (t: Tensor) => {
      const width = t.shape[3]!
      let [sum, x, y] = [0, 0, 0]
      numbers(t).forEach((v, i) => {
        sum += v
        x += v * (i % width)
        y += v * Math.floor(i / width)
      })
      return [x / sum, y / sum] as const
    }
    const [[u, v]] = camera.project([[20, 40]]) as [[number, number]]
    const [cu, cv] = center(seen)
    expect(Math.abs(cu - u)).toBeLessThan(0.3)
    expect(Math.abs(cv - v)).toBeLessThan(0.3)
    const [bx, by] = center(camera.topView(seen))
    expect(Math.abs(bx - 20)).toBeLessThan(0.3)
    expect(Math.abs(by - 40)).toBeLessThan(0.3)
  })
  test('a full ground comes back full; the sky is dark', () => {
    const level = new GroundCamera({ tilt: 10 })
    expect(numbers(level.view(ones([1, 64, 64]))).slice(0, 96)).toEqual(Array(96).fill(0))
    const back = camera.topView(camera.view(ones([1, 64, 64])))
    expect(Math.min(...numbers(back.narrow(1, 4, 56).narrow(2, 4, 56)))).toBeGreaterThan(0.99)
  })
  test.each([
    [{ tilt: 0 }, /tilt/],
    [{ tilt: 90 }, /tilt/],
    [{ elevation: -1 }, /elevation/],
    [{ focal: Number.NaN }, /focal/],
    [{ distance: Infinity }, /distance/],
    [{ distance: -3 }, /in front of the camera/],
    [{ ground: [0, 4] }, /ground/],
    [{ tillt: 3 }, /tilt/],
  ])('refuses %o', (options, rule) => {
    expect(() => new GroundCamera(options as never)).toThrow(rule)
  })
  test('refuses pictures of another size, points behind it, half a ray', () => {
    expect(() => camera.view(zeros([1, 64, 63]))).toThrow(ShapeError)
    expect(() => camera.topView(zeros([1, 1, 64, 64]))).toThrow(/64x96/)
    expect(() => camera.project([[0, 1000]])).toThrow(/in front/)
    expect(() => camera.view(zeros([1, 64, 64]), 0.5)).toThrow(/samples/)
  })
})
