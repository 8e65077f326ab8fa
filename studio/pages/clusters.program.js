// @ts-check
import { manualSeed, normal, permutation, stack, tensor } from 'nabla'
import { KMeans, PCA, TSNE } from 'nabla/classic'
import { digits, iris } from 'nabla/data'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ method: 'kmeans' | 'pca' | 'tsne', data: 'clouds' | 'iris' | 'digits' | 'own', own: number[][], clusters: number, perplexity: number, seed: number }} Settings */

/** Rows and their labels. @param {Settings} s @returns {{ x: Tensor, labels: number[] }} */
export function rows({ data, method, own }) {
  // The last number of a row of one's own is its class.
  if (data === 'own' && own.length > 0)
    return {
      x: tensor(own.map((row) => row.slice(0, -1))),
      labels: own.map((row) => row.at(-1) ?? 0),
    }
  if (data === 'clouds' || data === 'own') {
    const centers = [
      [-2, -2],
      [2.5, -1.5],
      [0, 2.5],
      [3, 3],
    ]
    const x = centers.map((c) => normal([60, 2]).mul(0.8).add(tensor(c)))
    return {
      x: stack(x).reshape([240, 2]),
      labels: Array.from({ length: 240 }, (_, i) => Math.floor(i / 60)),
    }
  }
  const table = data === 'iris' ? iris() : digits()
  const count = data === 'iris' ? 150 : method === 'tsne' ? 300 : 600
  return { x: table.x.narrow(0, 0, count), labels: [...table.y.narrow(0, 0, count).toTypedArray()] }
}

/** @param {Settings} s */
export function build(s) {
  const { x, labels } = rows(s)
  // Two numbers for each row: itself, or its two principal components.
  const pca = (x.shape[1] ?? 0) > 2 ? new PCA({ nComponents: 2 }).fit(x) : undefined
  /** @param {Tensor} t */
  const flat = (t) => (pca ? pca.transform(t) : t)
  const clusters = Math.min(s.clusters, x.shape[0] ?? 0)
  const first = permutation(x.shape[0] ?? 0).narrow(0, 0, clusters)
  let centers = x.at(first)
  let steps = 0
  let done = s.method === 'pca'
  /** @type {{ labels: number[], inertia: number, at: Tensor }} */
  let now = { labels: [], inertia: Number.NaN, at: flat(x) }
  const assign = () => {
    // No step yet: the labels by the first centers.
    const model = new KMeans({ nClusters: clusters, init: centers, maxIter: 1, tol: 0 }).fit(x)
    return {
      labels: [...model.labels.toTypedArray()],
      inertia: model.inertia,
      next: model.clusterCenters,
    }
  }
  return {
    labels,
    x,
    centers: () => flat(centers),
    now: () => now,
    /** One iteration of k-means, or 25 more of t-SNE; false at the end. */
    step() {
      if (done) return false
      steps++
      if (s.method === 'kmeans') {
        const { labels, inertia, next } = assign()
        done = Math.abs(inertia - now.inertia) < 1e-9
        centers = next
        now = { ...now, labels, inertia }
      } else {
        const model = new TSNE({ nIter: steps * 25, perplexity: s.perplexity, seed: s.seed }).fit(x)
        now = { ...now, at: model.embedding, inertia: model.klDivergence }
        done = steps >= 40
      }
      return true
    },
  }
}

/** @param {Settings} s */
export function main(s) {
  manualSeed(s.seed)
  const { step, now } = build(s)
  let steps = 0
  while (steps < 12 && step()) steps++
  console.log(`after ${steps} steps of ${s.method}: ${now().inertia}`)
}
