/**
 * The repulsion of t-SNE by Barnes and Hut: points in Morton order in a quadtree without pointers, walked from node to
 * node. Points of one small cell walk together (Barnes, 1990): a node that looks small from all of them acts as one, and
 * what they met is then computed for each of them in one plain loop.
 */

const BITS = 16
/** Points of a cell that walk together, at most. */
const TOGETHER = 32
/** The bits of x at the even places. */
function spread(x: number): number {
  let v = x & 0xffff
  v = (v | (v << 8)) & 0x00ff00ff
  v = (v | (v << 4)) & 0x0f0f0f0f
  v = (v | (v << 2)) & 0x33333333
  v = (v | (v << 1)) & 0x55555555
  return v
}
function longer<A extends Float64Array | Int32Array>(a: A): A {
  const out = new (a.constructor as new (n: number) => A)(a.length * 2)
  out.set(a)
  return out
}

export class QuadTree {
  private readonly n: number
  private readonly codes: Float64Array
  /** Nodes in the order in which they are walked, four numbers each: center, mass, squared width (0: a leaf). */
  private nodes: Float64Array
  /** Where to go on when a node is taken whole, and its first point. */
  private skip: Int32Array
  private first: Int32Array
  private count = 0
  /** Where the points of each group begin. */
  private readonly groups: Int32Array
  private groupCount = 0
  readonly order: Int32Array
  private readonly xs: Float64Array
  private readonly ys: Float64Array
  private readonly sorted: Uint32Array
  /** What a group has met, three numbers each: center and mass. */
  private met: Float64Array

  constructor(n: number) {
    this.n = n
    this.codes = new Float64Array(n)
    this.order = new Int32Array(n)
    this.sorted = new Uint32Array(n)
    this.xs = new Float64Array(n)
    this.ys = new Float64Array(n)
    this.groups = new Int32Array(n + 1)
    const room = 4 * n + 64
    this.nodes = new Float64Array(4 * room)
    this.skip = new Int32Array(room)
    this.first = new Int32Array(room)
    this.met = new Float64Array(3 * 1024)
  }

  /** Puts the points (x, y one after the other) into the tree. */
  build(y: Float64Array): void {
    const { n, codes, order, sorted, xs, ys } = this
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity]
    for (let i = 0; i < n; i++) {
      const a = y[2 * i]!
      const b = y[2 * i + 1]!
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
    this.groupCount = 0
    this.branch(0, n, BITS, side * side * 1.0001, false)
    this.groups[this.groupCount] = n
  }

  /** The node of the points from … to − 1, which share all but the last `depth` pairs of bits. */
  private branch(from: number, to: number, depth: number, width: number, grouped: boolean): void {
    const { sorted, xs, ys } = this
    if (this.count === this.skip.length) {
      this.nodes = longer(this.nodes)
      this.skip = longer(this.skip)
      this.first = longer(this.first)
    }
    const node = this.count++
    const m = to - from
    const leaf = m === 1 || depth === 0
    let inGroup = grouped
    if (!grouped && (leaf || m <= TOGETHER)) {
      this.groups[this.groupCount++] = from
      inGroup = true
    }
    let [sx, sy] = [0, 0]
    for (let r = from; r < to; r++) {
      sx += xs[r]!
      sy += ys[r]!
    }
    const at = 4 * node
    this.nodes[at] = sx / m
    this.nodes[at + 1] = sy / m
    this.nodes[at + 2] = m
    this.nodes[at + 3] = leaf ? 0 : width
    this.first[node] = from
    if (!leaf) {
      const shift = 2 * (depth - 1)
      let at = from
      while (at < to) {
        const quarter = (sorted[at]! >>> shift) & 3
        let end = at + 1
        while (end < to && ((sorted[end]! >>> shift) & 3) === quarter) end++
        this.branch(at, end, depth - 1, width / 4, inGroup)
        at = end
      }
    }
    this.skip[node] = this.count
  }

  /** Walks once for the points from … to − 1; gives how many numbers `met` holds. */
  private walk(from: number, to: number, limit: number): number {
    const { nodes, skip, first, count, xs, ys } = this
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity]
    for (let r = from; r < to; r++) {
      const a = xs[r]!
      const b = ys[r]!
      if (a < x0) x0 = a
      if (a > x1) x1 = a
      if (b < y0) y0 = b
      if (b > y1) y1 = b
    }
    const [gx, gy, hx, hy] = [(x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2]
    let met = this.met
    let end = 0
    let node = 0
    while (node < count) {
      const at = 4 * node
      const cx = nodes[at]!
      const cy = nodes[at + 1]!
      const mass = nodes[at + 2]!
      const w = nodes[at + 3]!
      // The squared distance of the node from the nearest place of the group's box.
      let dx = Math.abs(cx - gx) - hx
      let dy = Math.abs(cy - gy) - hy
      if (dx < 0) dx = 0
      if (dy < 0) dy = 0
      if (w < limit * (dx * dx + dy * dy) || (w === 0 && mass === 1)) {
        if (end + 3 > met.length) met = this.met = longer(met)
        met[end] = cx
        met[end + 1] = cy
        met[end + 2] = mass
        end += 3
        node = skip[node]!
      } else if (w === 0) {
        // Several points at one place of the grid, near or within the group.
        const begin = first[node]!
        for (let r = begin; r < begin + mass; r++) {
          if (end + 3 > met.length) met = this.met = longer(met)
          met[end] = xs[r]!
          met[end + 1] = ys[r]!
          met[end + 2] = 1
          end += 3
        }
        node = skip[node]!
      } else node++
    }
    return end
  }

  /**
   * For each point Σ (1 + d²)⁻² (yᵢ − yⱼ) over all others, into `out`; gives Σᵢ Σⱼ (1 + d²)⁻¹. A node of width w acts as
   * one from where w² < angle² d² for all points of a group.
   */
  repulsion(angle: number, out: Float64Array): number {
    const { order, groups, groupCount, xs, ys } = this
    const limit = angle * angle
    let total = 0
    for (let g = 0; g < groupCount; g++) {
      const from = groups[g]!
      const to = groups[g + 1]!
      const end = this.walk(from, to, limit)
      const { met } = this
      for (let r = from; r < to; r++) {
        const px = xs[r]!
        const py = ys[r]!
        let fx = 0
        let fy = 0
        // The point met itself, (1 + 0)⁻¹.
        let z = -1
        for (let e = 0; e < end; e += 3) {
          const dx = px - met[e]!
          const dy = py - met[e + 1]!
          const q = 1 / (1 + dx * dx + dy * dy)
          const mq = met[e + 2]! * q
          z += mq
          const f = mq * q
          fx += f * dx
          fy += f * dy
        }
        const i = 2 * order[r]!
        out[i] = fx
        out[i + 1] = fy
        total += z
      }
    }
    return total
  }
}
