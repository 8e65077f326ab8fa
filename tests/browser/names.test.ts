/** Classes have the same names in what users bundle and minify: in errors, summaries and saved files. */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as esbuild from 'esbuild'
import { afterAll, expect, test } from 'vitest'
import { root } from './chromium.js'

type Entry = { browser?: string; default: string }
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | Entry>
}
const entries = Object.values(exports).filter((e): e is Entry => typeof e === 'object')
const out = join(root, 'build', `names-${process.pid}`)
afterAll(() => rmSync(out, { recursive: true, force: true }))

const isClass = (value: unknown): value is new () => unknown =>
  typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value))

test.each([
  ['a page', entries.flatMap(({ browser }) => browser ?? []), 'browser'],
  ['Node', entries.map((e) => e.default).filter((f) => !f?.includes('/cli/')), 'node'],
] as const)('minified for %s', async (_, files, platform) => {
  const stdin = {
    contents: files.map((f, i) => `export * as e${i} from '${f}'`).join('\n'),
    resolveDir: root,
  }
  const outfile = join(out, `${platform}.mjs`)
  await esbuild.build({
    stdin,
    bundle: true,
    minify: true,
    format: 'esm',
    platform,
    outfile,
    packages: 'external',
    logLevel: 'error',
    banner: platform === 'node' ? {} : { js: 'globalThis.self ??= globalThis;' },
  })
  const bundle = (await import(pathToFileURL(outfile).href)) as Record<string, object>
  const wrong: string[] = []
  let classes = 0
  for (const [name, value] of Object.values(bundle).flatMap((entry) => Object.entries(entry)))
    if (isClass(value)) {
      classes++
      if (value.name !== name) wrong.push(`${name} is called ${value.name}`)
    }
  expect(wrong).toEqual([])
  expect(classes).toBeGreaterThan(180)

  const all = Object.assign({}, ...Object.values(bundle)) as typeof import('nabla') &
    typeof import('nabla/nn') &
    typeof import('nabla/data')
  all.setWasmFiles(
    (file) => new Uint8Array(readFileSync(join(root, 'dist/backends/cpu/wasm', file))),
  )
  expect(new all.ShapeError({ op: 'x', rule: 'y' }).name).toBe('ShapeError')
  expect(String(new all.Sequential(new all.Linear(2, 3), new all.ReLU()))).toMatch(
    /^Sequential\(\n.*Linear\(.*\n.*ReLU\(/,
  )
})
