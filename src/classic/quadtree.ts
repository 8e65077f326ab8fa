/**
 * The repulsion of t-SNE by Barnes and Hut: points in Morton order in a quadtree without pointers, walked from node to
 * node; a node that looks small from a point acts as one.
 */

const BITS = 16
/** The bits of x at the even places. */
function spread(x: number): number {
  let v = x & 0xffff
  v = (v | (v << 8)) & 0x00ff00ff
  v = (v | (v << 4)) & 0x0f0f0f0f
  v = (v | (v << 2)) & 0x33333333
  v = (v | (v << 1)) & 0x55555555
  return v
}

export class QuadTree {
  private readonly n: number
  private readonly codes: Float64Array
  /** Nodes in the order in which they are walked: mass, center, squared width, where to go on when it is taken whole. */
  private mass: Float64Array
  private cx: Float64Array
  private cy: Float64Array
  private width: Float64Array
  private skip: Int32Array
  private first: Int32Array
  private count = 0
  readonly order: Int32Array
  private readonly xs: Float64Array
  private readonly ys: Float64Array
  private readonly sorted: Uint32Array

  constructor(n: number) {
    this.n = n
    this.codes = new Float64Array(n)
    this.order = new Int32Array(n)
    this.sorted = new Uint32Array(n)
    this.xs = new Float64Array(n)
    this.ys = new Float64Array(n)
    const room = 4 * n + 64
    this.mass = new Float64Array(room)
    this.cx = new Float64Array(room)
    this.cy = new Float64Array(room)
    this.width = new Float64Array(room)
    this.skip = new Int32Array(room)
    this.first = new Int32Array(room)
  }

  private grow(): void {
    const more = <A extends Float64Array | Int32Array>(a: A): A => {
      const out = new (a.constructor as new (n: number) => A)(a.length * 2)
      out.set(a)
      return out
    }
    this.mass = more(this.mass)
    this.cx = more(this.cx)
    this.cy = more(this.cy)
    this.width = more(this.width)
    this.skip = more(this.skip)
    this.first = more(this.first)
  }

  /** Puts the points (x, y one after the other) into the tree. */
  build(y: Float64Array): void {
    const { n, codes, order, sorted, xs, ys } = this
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity]
    for (let i = 0; i < n; i++) {
      const [a, b] = [y[2 * i]!, y[2 * i + 1]!]
      if (a < x0) x0 = a
      if (a > x1) x1 = a
      if (b < y0) y0 = b
      if (b > y1) y1 = b
    }
    const side = Math.max(x1 - x0, y1 - y0, Number.MIN_VALUE * 2 ** 52)
    const scale = (2 ** BITS - 1) / side
    // The index in the lower digits: one sort of numbers gives both.
    for (let i = 0; i < n; i++) {
      const code =
        ((spread((y[2 * i + 1]! - y0) * scale) << 1) | spread((y[2 * i]! - x0) * scale)) >>> 0
      codes[i] = code * 2 ** 20 + i
    }
    codes.sort()
    for (let r = 0; r < n; r++) {
      const code = Math.floor(codes[r]! / 2 ** 20)
      const i = codes[r]! - code * 2 ** 20
      sorted[r] = code
      order[r] = i
      xs[r] = y[2 * i]!
      ys[r] = y[2 * i + 1]!
    }
    this.count = 0
    this.branch(0, n, BITS, side * side * 1.0001)
  }

  /** The node of the points from … to − 1, which share all but the last `depth` pairs of bits. */
  private branch(from: number, to: number, depth: number, width: number): void {
    const { sorted, xs, ys } = this
    if (this.count === this.mass.length) this.grow()
    const node = this.count++
    let [sx, sy] = [0, 0]
    for (let r = from; r < to; r++) {
      sx += xs[r]!
      sy += ys[r]!
    }
    const m = to - from
    this.mass[node] = m
    this.cx[node] = sx / m
    this.cy[node] = sy / m
    this.width[node] = m === 1 || depth === 0 ? 0 : width
    this.first[node] = from
    if (m > 1 && depth > 0) {
      const shift = 2 * (depth - 1)
      let at = from
      while (at < to) {
        const quarter = (sorted[at]! >>> shift) & 3
        let end = at + 1
        while (end < to && ((sorted[end]! >>> shift) & 3) === quarter) end++
        this.branch(at, end, depth - 1, width / 4)
        at = end
      }
    }
    this.skip[node] = this.count
  }

  /**
   * For each point Σ (1 + d²)⁻² (yᵢ − yⱼ) over all others, into `out`; gives Σᵢ Σⱼ (1 + d²)⁻¹. A node of width w acts as
   * one from where w² < angle² d².
   */
  repulsion(y: Float64Array, angle: number, out: Float64Array): number {
    const { n, order, mass, cx, cy, width, skip, first, count } = this
    const limit = angle * angle
    let total = 0
    for (let r = 0; r < n; r++) {
      const i = order[r]!
      const px = y[2 * i]!
      const py = y[2 * i + 1]!
      let fx = 0
      let fy = 0
      let z = 0
      let node = 0
      while (node < count) {
        const dx = px - cx[node]!
        const dy = py - cy[node]!
        const d2 = dx * dx + dy * dy
        const w = width[node]!
        if (w < limit * d2) {
          const q = 1 / (1 + d2)
          const mq = mass[node]! * q
          z += mq
          const f = mq * q
          fx += f * dx
          fy += f * dy
          node = skip[node]!
        } else if (w === 0) {
          // A leaf at no distance (or any, for angle 0): this point itself, or several at one place of the grid.
          const from = first[node]!
          const to = from + mass[node]!
          for (let s = from; s < to; s++) {
            if (s === r) continue
            const ex = px - this.xs[s]!
            const ey = py - this.ys[s]!
            const q = 1 / (1 + ex * ex + ey * ey)
            z += q
            fx += q * q * ex
            fy += q * q * ey
          }
          node = skip[node]!
        } else node++
      }
      out[2 * i] = fx
      out[2 * i + 1] = fy
      total += z
    }
    return total
  }
}
