// The package's files from its modules in build/js: few, since to load a module takes Node about a millisecond. The
// entries of package.json keep their places in dist/, what they share is in dist/parts; dist/browser has the same for
// pages, minified and without what needs Node.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { rolldown } from 'rolldown'
import { bundleCommonJs, writeDeclarations } from './bundle-commonjs.mjs'
import { root } from './targets.mjs'

const modules = 'build/js'
const manifest = () => JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))
const relative = (id) => id.slice(`${root}/${modules}/`.length)
const moduleOf = (file) => file.replace(/^(\.\/)?dist\//, '')

async function write(input, options, output) {
  // Places that package.json names may still be empty.
  const entries = Object.fromEntries(
    input
      .map(([name, file]) => [name, `${root}/${modules}/${file}`])
      .filter(([, path]) => existsSync(path)),
  )
  const bundle = await rolldown({ cwd: root, input: entries, logLevel: 'silent', ...options })
  const { output: files } = await bundle.write({ format: 'esm', ...output })
  await bundle.close()
  return files.map((f) => f.fileName)
}

/** Modules that know files by their own place, and the modules that they start: these stay where they are. */
function placed() {
  const found = []
  for (const entry of readdirSync(`${root}/${modules}`, { withFileTypes: true, recursive: true })) {
    if (!entry.name.endsWith('.js')) continue
    const folder = (entry.parentPath ?? entry.path).slice(`${root}/${modules}/`.length)
    const text = readFileSync(`${root}/${modules}/${folder}/${entry.name}`, 'utf8')
    if (!/^(?!\s*(\*|\/\/)).*import\.meta\.url/m.test(text)) continue
    found.push(`${folder}/${entry.name}`)
    for (const [, name] of text.matchAll(/new URL\('\.\/([\w.-]+\.js)', import\.meta\.url\)/g))
      found.push(`${folder}/${name}`)
  }
  return found
}

/** The modules that an entry brings. */
function reach(entry, found = new Set()) {
  if (found.has(entry)) return found
  found.add(entry)
  const text = readFileSync(`${root}/${modules}/${entry}`, 'utf8')
  for (const [, name] of text.matchAll(/^(?:import|export)\b[^;]*?['"](\.{1,2}\/[^'"]+)['"]/gm))
    reach(join(dirname(entry), name), found)
  return found
}

/** How modules are brought together for Node; `stay` keep their places. */
function forNode(stay) {
  const core = reach('index.js')
  const training = new Set(['nn/index.js', 'optim/index.js'].flatMap((e) => [...reach(e)]))
  return {
    chunkFileNames: ({ moduleIds }) => {
      const home = moduleIds.map(relative).find((file) => stay.includes(file))
      return home ? home.replace(/[^/]+$/, 'part-[name].js') : 'parts/[name].js'
    },
    // What every user of the package needs is one file, and so is what every training needs beside it.
    codeSplitting: {
      groups: [
        { name: 'core', test: (id) => core.has(relative(id)) || id.includes('rolldown/runtime') },
        { name: 'nn', test: (id) => training.has(relative(id)) || id.endsWith('/models/mlp.js') },
      ],
    },
  }
}

/** Gives the files written, by their paths in dist/. */
export function bundleNode() {
  const { exports, imports, bin } = manifest()
  const stay = placed()
  const files = new Set(stay)
  for (const { default: file } of Object.values(exports)) if (file) files.add(moduleOf(file))
  for (const targets of Object.values(imports))
    for (const file of Object.values(targets)) files.add(moduleOf(file))
  for (const file of Object.values(bin)) files.add(moduleOf(file))
  const input = [...files].map((file) => [file.replace(/\.js$/, ''), file])
  return write(input, { platform: 'node', external: [/^[^./]/] }, { dir: 'dist', ...forNode(stay) })
}

/** The modules that stand for package.json's "imports" where `condition` holds. */
const importsFor = (condition) =>
  Object.fromEntries(
    Object.entries(manifest().imports).map(([name, targets]) => [
      name,
      `${root}/${modules}/${moduleOf(targets[condition])}`,
    ]),
  )

const entriesOfExports = () =>
  Object.values(manifest().exports).flatMap((e) => (e.default ? [moduleOf(e.default)] : []))

/** dist/cjs: what can be required, see bundle-commonjs.mjs. */
export function bundleForRequire() {
  return bundleCommonJs({
    write,
    relative,
    entries: entriesOfExports(),
    alias: importsFor('node'),
    output: forNode([]),
  })
}
export const declareEntries = () => writeDeclarations(entriesOfExports())

/** The WebAssembly files stay where they are. */
const wasmPlace = {
  name: 'wasm-place',
  transform: (code, id) =>
    id.endsWith('platform.browser.js')
      ? code.replaceAll("'./wasm/", "'../backends/cpu/wasm/")
      : undefined,
}

/** OpLaws of src/ops/define.ts: what operations carry for readers and for the laws. */
const laws = new Set(['formula', 'source', 'example', 'samples', 'except'])
const defines = new Set(['defineOp', 'defineMove'])
/**
 * Leaves that out of the object literals that are the argument of `defineOp` and `defineMove`, where the types let
 * nothing that computes read it. A property of the same name anywhere else stays: it means something else.
 */
const withoutLaws = {
  name: 'without-laws',
  transform(code, id) {
    if (!id.startsWith(`${root}/${modules}/ops/`)) return undefined
    const cuts = []
    const visit = (node) => {
      if (node.type === 'CallExpression' && defines.has(node.callee.name)) {
        const [spec] = node.arguments
        if (spec?.type === 'ObjectExpression')
          for (const p of spec.properties)
            if (p.type === 'Property' && !p.computed && laws.has(p.key.name)) cuts.push(p)
      }
      for (const value of Object.values(node))
        for (const child of Array.isArray(value) ? value : [value])
          if (typeof child?.type === 'string') visit(child)
    }
    visit(this.parse(code))
    let kept = code
    // From the end, with the comma that follows.
    for (const { start, end } of cuts.sort((a, b) => b.start - a.start))
      kept = kept.slice(0, start) + kept.slice(end).replace(/^\s*,/, '')
    return { code: kept, map: null }
  },
}

/** The entries that have a "browser" condition. */
export async function bundleBrowser() {
  const { exports } = manifest()
  const core = reach('index.js')
  const input = Object.values(exports)
    .filter((e) => e.browser)
    .map(({ browser, default: file }) => [
      browser.replace('./dist/browser/', '').replace('.js', ''),
      moduleOf(file),
    ])
  const alias = importsFor('default')
  rmSync(`${root}/dist/browser`, { recursive: true, force: true })
  await write(
    input,
    { platform: 'browser', resolve: { alias }, plugins: [wasmPlace, withoutLaws] },
    {
      dir: 'dist/browser',
      minify: true,
      chunkFileNames: 'part-[hash].js',
      // Fewer files are smaller too, since gzip sees more at once.
      codeSplitting: { groups: [{ name: 'core', test: (id) => core.has(relative(id)) }] },
    },
  )
}
