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
    plugins: [wasmPlace],
    logLevel: 'silent',
  })
  rmSync(`${root}/${folder}`, { recursive: true, force: true })
  await bundle.write({ dir: folder, format: 'esm', minify: true, chunkFileNames: 'part-[hash].js' })
  await bundle.close()
}
