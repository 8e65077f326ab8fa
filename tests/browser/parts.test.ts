/** What is loaded in parts is told alike wherever it is told. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Tensor } from 'nabla'
import { expect, test } from 'vitest'
import { wasmParts } from '../../src/backends/cpu/variant.js'
import { moreNames } from '../../src/tensor/methods.browser.js'
import { moreMethods } from '../../src/tensor/moreMethods.js'
import { root } from './chromium.js'

test('the parts of the WebAssembly core are those of kernels/parts.h, each with its files', async () => {
  const header = readFileSync(join(root, 'kernels/parts.h'), 'utf8')
  expect(/constexpr int PARTS = (\d+);/.exec(header)?.[1]).toBe(`${wasmParts.length + 1}`)
  const build = (await import(join(root, 'scripts/targets.mjs'))) as { wasmParts: string[] }
  expect(build.wasmParts).toEqual([...wasmParts])
  const want = ['simd', 'relaxed'].flatMap((isa) =>
    ['', '-threads', ...wasmParts.map((p) => `-${p}`)].map((end) => `nabla-${isa}${end}.wasm`),
  )
  const have = readdirSync(join(root, 'src/backends/cpu/wasm'))
  expect(have.sort()).toEqual(want.sort())
  const page = readFileSync(join(root, 'src/backends/cpu/platform.browser.ts'), 'utf8')
  for (const file of want) expect(page).toContain(`new URL('./wasm/${file}', import.meta.url)`)
})

test('a page has a stub for each method that it loads later', () => {
  expect(moreNames.split(' ').sort()).toEqual(Object.keys(moreMethods).sort())
  for (const name of Object.keys(moreMethods)) expect(Tensor.prototype).toHaveProperty(name)
})
