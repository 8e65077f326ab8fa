/** t-SNE: rows as points of a picture, neighbours near each other. */
import { ValueError } from '../core/errors.js'
import { checkOptions, oneOf, type OptionNames } from '../core/options.js'
import type { Tensor } from '../ops/tensor.js'
import type { Matrix, Table } from '../tensor/values.js'
import {
  Estimator,
  type Learned,
  matrix,
  options as kinds,
  requireOptions,
  requireRows,
  rowsOfOption,
  tableIn,
} from './estimator.js'
import { PCA } from './pca.js'
import { QuadTree } from './quadtree.js'
import { Random } from './random.js'
import { type Pairs, pairsOf } from './affinities.js'

export interface TSNEOptions {
  /** The dimensions of the picture; 2 when not given. Barnes-Hut has 2. */
  nComponents?: number
  /** About how many neighbours a row has; 30 when not given, less than the rows. */
  perplexity?: number
  /** How much the neighbours attract each other in the first 250 iterations; 12 when not given. */
  earlyExaggeration?: number
  /** 'auto' when not given: N / earlyExaggeration / 4, at least 50. */
  learningRate?: number | 'auto'
  /** 1,000 when not given. */
  nIter?: number
  /** Ends after so many iterations without a smaller divergence; 300 when not given. */
  nIterWithoutProgress?: number
  /** Ends when the gradient is smaller; 1e-7 when not given. */
  minGradNorm?: number
  /** 'pca' when not given, 'random', or the points themselves. */
  init?: 'pca' | 'random' | Matrix
  /** 'barnesHut' when not given, N log N; 'exact', N². */
  method?: 'barnesHut' | 'exact'
  /** Of Barnes-Hut, how large a group may look to act as one; 0.5 when not given. */
  angle?: number
  /** 0 when not given. */
  seed?: number
}
const names: OptionNames<TSNEOptions> = {
  nComponents: true,
  perplexity: true,
  earlyExaggeration: true,
  learningRate: true,
  nIter: true,
  nIterWithoutProgress: true,
  minGradNorm: true,
  init: true,
  method: true,
  angle: true,
  seed: true,
}
interface TSNELearned extends Learned {
  embedding: Float64Array
  columns: number
  divergence: number
  iterations: number
}

const EXPLORE = 250
/** Σ P ln(P / Q) over all pairs, Q = (1 + d²)⁻¹ / Z. */
function divergenceOf({ start, other, p }: Pairs, y: Float64Array, dim: number, z: number): number {
  let s = 0
  for (let i = 0; i + 1 < start.length; i++)
    for (let e = start[i]!; e < start[i + 1]!; e++) {
      const j = other[e]!
      let d = 0
      for (let c = 0; c < dim; c++) d += (y[i * dim + c]! - y[j * dim + c]!) ** 2
      const q = Math.max(1 / ((1 + d) * z), Number.EPSILON)
      s += 2 * p[e]! * Math.log(p[e]! / q)
    }
  return s
}

/** The repulsion of all pairs, each computed. */
function exactRepulsion(y: Float64Array, n: number, dim: number, out: Float64Array): number {
  out.fill(0)
  let z = 0
  const d = new Float64Array(dim)
  for (let i = 0; i < n; i++)
    for (let j = i + 1; j < n; j++) {
      let s = 1
      for (let c = 0; c < dim; c++) {
        d[c] = y[i * dim + c]! - y[j * dim + c]!
        s += d[c]! * d[c]!
      }
      const q = 1 / s
      z += 2 * q
      for (let c = 0; c < dim; c++) {
        const f = q * q * d[c]!
        out[i * dim + c]! += f
        out[j * dim + c]! -= f
      }
    }
  return z
}

/**
 * Points y for rows x such that neighbours stay neighbours: min Σ P ln(P / Q), with P from normal distributions around each row
 * whose width gives the perplexity, Q from (1 + ‖yᵢ − yⱼ‖²)⁻¹ (van der Maaten and Hinton, 2008), by gradient descent with
 * momentum and gains; repulsion by Barnes and Hut (van der Maaten, 2014) or exactly. `klDivergence` is that of the points that
 * came out, without exaggeration, however few iterations there were.
 * https://scikit-learn.org/stable/modules/generated/sklearn.manifold.TSNE.html
 * @throws ValueError for a perplexity that is not below the number of rows, and numbers that are not finite
 * @example new TSNE({ perplexity: 2, nIter: 20 }).fitTransform([[0], [1], [5], [6]]).shape // [4, 2]
 */
export class TSNE extends Estimator<TSNELearned> {
  readonly kind = 'TSNE'
  protected readonly fields = ['embedding', 'columns', 'divergence', 'iterations'] as const
  private readonly o: Required<Omit<TSNEOptions, 'init'>> & { init: 'pca' | 'random' | number[][] }
  constructor(options: TSNEOptions = {}) {
    super()
    const op = 'TSNE'
    const { init = 'pca', ...given } = checkOptions(op, options, names)
    this.o = {
      nComponents: 2,
      perplexity: 30,
      earlyExaggeration: 12,
      learningRate: 'auto',
      nIter: 1000,
      nIterWithoutProgress: 300,
      minGradNorm: 1e-7,
      method: 'barnesHut',
      angle: 0.5,
      seed: 0,
      ...given,
      init: typeof init === 'string' ? init : rowsOfOption(op, init),
    }
    requireOptions(
      op,
      { ...this.o },
      {
        nComponents: kinds.count,
        perplexity: kinds.positive,
        earlyExaggeration: {
          rule: 'a number from 1 up',
          holds: (v) => kinds.positive.holds(v) && (v as number) >= 1,
        },
        learningRate: {
          rule: "'auto' or a number above 0",
          holds: (v) => v === 'auto' || kinds.positive.holds(v),
        },
        nIter: kinds.count,
        nIterWithoutProgress: kinds.count,
        minGradNorm: kinds.nonNegative,
        init: {
          rule: "'pca', 'random' or the points",
          holds: (v) => v === 'pca' || v === 'random' || Array.isArray(v),
        },
        method: oneOf('barnesHut', 'exact'),
        angle: kinds.share,
        seed: kinds.seed,
      },
    )
    if (this.o.method === 'barnesHut' && this.o.nComponents !== 2)
      throw new ValueError({
        op,
        rule: 'Barnes-Hut has 2 dimensions',
        got: `nComponents ${this.o.nComponents}`,
        fix: "method: 'exact'",
      })
  }
  getOptions(): TSNEOptions {
    return { ...this.o }
  }
  private start(x: Table): Float64Array {
    const { init, nComponents: dim, seed } = this.o
    const n = x.rows
    if (typeof init === 'object') {
      if (init.length !== n || init[0]!.length !== dim)
        throw new ValueError({
          op: this.kind,
          rule: `init must have shape (${n}, ${dim})`,
          got: `(${init.length}, ${init[0]!.length})`,
        })
      return Float64Array.from(init.flat())
    }
    if (init === 'random') {
      const random = new Random(seed)
      return Float64Array.from({ length: n * dim }, () => 1e-4 * random.normal())
    }
    if (dim > Math.min(n, x.columns)) {
      if (x.columns < dim) {
        // Fewer columns than dimensions: the others start at almost nothing.
        const random = new Random(seed)
        const scores = new PCA()
          .fitTransform(matrix(x.data, x.columns))
          .toTypedArray() as Float64Array
        const own = scores.length / n
        const y = Float64Array.from({ length: n * dim }, (_, i) =>
          i % dim < own ? scores[Math.floor(i / dim) * own + (i % dim)]! : 1e-2 * random.normal(),
        )
        return scaled(y, dim)
      }
    }
    const scores = new PCA({ nComponents: dim }).fitTransform(matrix(x.data, x.columns))
    return scaled(Float64Array.from(scores.toTypedArray() as Float64Array), dim)
  }
  fit(x: Matrix): this {
    const table = tableIn(this.kind, x)
    const n = table.rows
    const { perplexity, nComponents: dim, method } = this.o
    requireRows(this.kind, n, 2, 'a picture of neighbours')
    if (perplexity >= n)
      throw new ValueError({
        op: this.kind,
        rule: `perplexity must be below the ${n} rows`,
        got: `${perplexity}`,
        fix: 'It is about the number of neighbours: 5 to 50, and less for few rows.',
      })
    const k = method === 'exact' ? n - 1 : Math.min(n - 1, Math.floor(3 * perplexity + 1))
    const pairs = pairsOf(table, perplexity, k)
    const y = this.start(table)
    const tree = method === 'exact' ? undefined : new QuadTree(n)
    const iterations = this.descend(pairs, y, n, tree)
    const scratch = new Float64Array(n * dim)
    // The divergence of these points: all pairs where that is cheap, else groups that look much smaller.
    let z: number
    if (!tree || n <= 4000) z = exactRepulsion(y, n, dim, scratch)
    else {
      tree.build(y)
      z = tree.repulsion(0.2, scratch)
    }
    this.learned = {
      embedding: y,
      columns: dim,
      divergence: divergenceOf(pairs, y, dim, z),
      iterations,
    }
    return this
  }
  /** Gradient descent in place; gives the iterations. */
  private descend(pairs: Pairs, y: Float64Array, n: number, tree: QuadTree | undefined): number {
    const { nIter, earlyExaggeration, learningRate, angle, minGradNorm, nIterWithoutProgress } =
      this.o
    const dim = this.o.nComponents
    const rate = learningRate === 'auto' ? Math.max(n / earlyExaggeration / 4, 50) : learningRate
    const size = n * dim
    const away = new Float64Array(size)
    const toward = new Float64Array(size)
    const step = new Float64Array(size)
    const gains = new Float64Array(size).fill(1)
    let best = Number.POSITIVE_INFINITY
    let bestAt = 0
    for (let it = 0; it < nIter; it++) {
      const exploring = it < EXPLORE
      if (it === EXPLORE) {
        // The second part begins anew, as scikit-learn's.
        step.fill(0)
        gains.fill(1)
        best = Number.POSITIVE_INFINITY
        bestAt = it
      }
      const momentum = exploring ? 0.5 : 0.8
      const more = exploring ? earlyExaggeration : 1
      let z: number
      if (tree) {
        tree.build(y)
        z = tree.repulsion(angle, away)
      } else z = exactRepulsion(y, n, dim, away)
      attract(pairs, y, dim, toward)
      let norm = 0
      for (let i = 0; i < size; i++) {
        const g = 4 * (more * toward[i]! - away[i]! / z)
        norm += g * g
        const u = step[i]!
        let gain = gains[i]!
        gain = u * g < 0 ? gain + 0.2 : gain * 0.8
        if (gain < 0.01) gain = 0.01
        gains[i] = gain
        step[i] = momentum * u - rate * gain * g
      }
      for (let i = 0; i < size; i++) y[i]! += step[i]!
      if ((it + 1) % 50 === 0) {
        if (!Number.isFinite(norm))
          throw new ValueError({
            op: this.kind,
            rule: 'gradient descent must converge',
            got: `a gradient of ${norm}`,
            fix: 'Lower learningRate.',
          })
        const error = divergenceOf(pairs, y, dim, z)
        if (error < best) {
          best = error
          bestAt = it
        } else if (it - bestAt > nIterWithoutProgress && !exploring) return it + 1
        if (Math.sqrt(norm) <= minGradNorm && !exploring) return it + 1
      }
    }
    return nIter
  }
  fitTransform(x: Matrix): Tensor {
    return this.fit(x).embedding
  }
  /** The points, shape (N, nComponents). */
  get embedding(): Tensor {
    return matrix(this.got.embedding, this.got.columns)
  }
  /** Σ P ln(P / Q) of the points. */
  get klDivergence(): number {
    return this.got.divergence
  }
  get nIter(): number {
    return this.got.iterations
  }
}

/** The first dimension gets a deviation of 1e-4. */
function scaled(y: Float64Array, dim: number): Float64Array {
  const n = y.length / dim
  let [s, q] = [0, 0]
  for (let i = 0; i < n; i++) s += y[i * dim]! / n
  for (let i = 0; i < n; i++) q += (y[i * dim]! - s) ** 2 / n
  const by = q > 0 ? 1e-4 / Math.sqrt(q) : 1
  return y.map((v) => v * by)
}

/** Σ P (1 + d²)⁻¹ (yᵢ − yⱼ) over the pairs. */
function attract(
  { start, other, p }: Pairs,
  y: Float64Array,
  dim: number,
  out: Float64Array,
): void {
  out.fill(0)
  const n = start.length - 1
  if (dim === 2) {
    for (let i = 0; i < n; i++) {
      const x0 = y[2 * i]!
      const y0 = y[2 * i + 1]!
      let fx = 0
      let fy = 0
      const end = start[i + 1]!
      for (let e = start[i]!; e < end; e++) {
        const j = 2 * other[e]!
        const dx = x0 - y[j]!
        const dy = y0 - y[j + 1]!
        const f = p[e]! / (1 + dx * dx + dy * dy)
        const ax = f * dx
        const ay = f * dy
        fx += ax
        fy += ay
        out[j]! -= ax
        out[j + 1]! -= ay
      }
      out[2 * i]! += fx
      out[2 * i + 1]! += fy
    }
    return
  }
  for (let i = 0; i < n; i++)
    for (let e = start[i]!; e < start[i + 1]!; e++) {
      const j = other[e]!
      let d = 1
      for (let c = 0; c < dim; c++) d += (y[i * dim + c]! - y[j * dim + c]!) ** 2
      const f = p[e]! / d
      for (let c = 0; c < dim; c++) {
        const v = f * (y[i * dim + c]! - y[j * dim + c]!)
        out[i * dim + c]! += v
        out[j * dim + c]! -= v
      }
    }
}
