// The package for browsers: the modules of dist/ that an entry of package.json reaches without Node, in a few minified
// files in dist/browser. Made are the entries that have a "browser" condition.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { rolldown } from 'rolldown'
import { root } from './targets.mjs'

const folder = 'dist/browser'
/** The WebAssembly files stay where they are. */
const wasmPlace = {
  name: 'wasm-place',
  transform: (code, id) =>
    id.endsWith('platform.browser.js')
      ? code.replaceAll("'./wasm/", "'../backends/cpu/wasm/")
      : undefined,
}

/** What operations carry for readers and for the laws only (src/ops/define.ts); nothing asks for it while running. */
const prose = new Set(['example', 'samples', 'except', 'source', 'formula'])
/** Leaves that out of the objects that src/ops defines operations with: 9 KB of 105, gzipped. */
const withoutProse = {
  name: 'without-prose',
  transform(code, id) {
    if (!id.startsWith(`${root}/dist/ops/`)) return undefined
    const cuts = []
    const visit = (node, argument) => {
      if (argument && node.type === 'Property' && prose.has(node.key.name)) {
        cuts.push([node.start, node.end])
        return
      }
      for (const [key, value] of Object.entries(node))
        for (const child of Array.isArray(value) ? value : [value])
          if (typeof child?.type === 'string')
            visit(
              child,
              key === (node.type === 'CallExpression' ? 'arguments' : argument && 'properties'),
            )
    }
    visit(this.parse(code), false)
    let kept = code
    // From the end, with the comma that follows.
    for (const [start, end] of cuts.sort((a, b) => b[0] - a[0]))
      kept = kept.slice(0, start) + kept.slice(end).replace(/^\s*,/, '')
    return { code: kept, map: null }
  },
}

export async function bundleBrowser() {
  const { exports, imports } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))
  const input = {}
  for (const { browser, default: file } of Object.values(exports))
    if (browser && existsSync(`${root}/${file}`))
      input[browser.replace(`./${folder}/`, '').replace('.js', '')] = file
  const alias = {}
  for (const [name, { default: file }] of Object.entries(imports)) alias[name] = `${root}/${file}`
  const bundle = await rolldown({
    cwd: root,
    input,
    platform: 'browser',
    resolve: { alias },
    plugins: [wasmPlace, withoutProse],
    logLevel: 'silent',
  })
  rmSync(`${root}/${folder}`, { recursive: true, force: true })
  await bundle.write({ dir: folder, format: 'esm', minify: true, chunkFileNames: 'part-[hash].js' })
  await bundle.close()
}
