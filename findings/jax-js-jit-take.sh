#!/bin/bash
# @jax-js/jax 0.1.25 (npm, MIT): the gradient of `numpy.take`, an embedding, is right without `jit` and throws under it, "jit: routine
# primitive scatter input is not imm", when nothing but views (a sum, a reshape, a matmul's transpose) lies behind take. JAX
# itself compiles the same. With any elementwise operation behind it that is not simplified away, such as a product with 2,
# it works.
# Seen for the table 0 .. 11 as (4, 3) and indices 0 1 2 1: without jit 1 1 1, 2 2 2, 1 1 1, 0 0 0; under jit the error; with a
# product by 2 behind take, under jit, 2 2 2, 4 4 4, 2 2 2, 0 0 0.
# Ends with 0 while it is so, with 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --ignore-scripts @jax-js/jax@0.1.25 >/dev/null
cat > check.mjs <<'JS'
import { defaultDevice, grad, init, jit, numpy as np } from '@jax-js/jax'
await init('wasm')
defaultDevice('wasm')
const run = (wrap, f) => {
  try {
    const table = np.arange(12).astype(np.float32).reshape([4, 3])
    return JSON.stringify(wrap(grad(f))(table, np.array(new Int32Array([0, 1, 2, 1]))).js())
  } catch (error) {
    return error.message
  }
}
const plain = (table, ids) => np.take(table, ids, 0).sum()
const doubled = (table, ids) => np.take(table, ids, 0).mul(2).sum()
const shaped = (table, ids) => np.take(table, ids, 0).mul(2).reshape([2, 2, 3]).sum()
const seen = [run((f) => f, plain), run(jit, plain), run(jit, shaped), run((f) => f, doubled)]
console.log(seen.join('\n'))
const message = 'jit: routine primitive scatter input is not imm'
const right = (k) => JSON.stringify([[k, k, k], [2 * k, 2 * k, 2 * k], [k, k, k], [0, 0, 0]])
process.exit(seen[0] === right(1) && seen[1] === message && seen[2] === right(2) && seen[3] === right(2) ? 0 : 1)
JS
node check.mjs
