/** Cases of linear algebra and of Fourier transforms. */

import { random } from './numbers.mjs'

const matrix = (lib, n) => random(lib, [n, n])
const release = (found) => {
  for (const t of Array.isArray(found) ? found : [found]) t.dispose()
}
const operations = {
  solve: (lib, { n }) => {
    // Far from singular.
    const [a, b] = [matrix(lib, n).add(lib.nabla.eye(n).mul(n / 16)), matrix(lib, n)]
    return () => lib.linalg.solve(a, b)
  },
  qr: (lib, { n }) => {
    const a = matrix(lib, n)
    return () => lib.linalg.qr(a)
  },
  eigh: (lib, { n }) => {
    const a = matrix(lib, n)
    const symmetric = a.add(a.t())
    return () => lib.linalg.eigh(symmetric)
  },
  svd: (lib, { n }) => {
    const a = matrix(lib, n)
    return () => lib.linalg.svd(a)
  },
  fft: (lib, { n }) => {
    const x = random(lib, [n, 2])
    return () => lib.fft.fft(x)
  },
}
export const linalgCases = [
  ['solve 512', 'solve', 512],
  ['qr 512', 'qr', 512],
  ['eigh 512', 'eigh', 512],
  ['svd 512', 'svd', 512],
  ['fft of 2^20', 'fft', 2 ** 20],
].map(([name, operation, n]) => ({
  name,
  args: { n },
  torch: operation,
  nabla: (lib, args) => {
    const run = operations[operation](lib, args)
    return () => release(run())
  },
  goal: { native: 0.5 },
}))
