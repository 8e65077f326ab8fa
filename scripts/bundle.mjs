// The package's files from its modules in build/js: few, since to load a module takes Node about a millisecond. The
// entries of package.json keep their places in dist/, what they share is in dist/parts; dist/browser has the same for
// pages, minified and without what needs Node.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { rolldown } from 'rolldown'
import { bundleCommonJs, writeDeclarations } from './bundle-commonjs.mjs'
import { root } from './targets.mjs'
import { innerNames } from './inner-names.mjs'
import { modules, relative } from './syntax.mjs'
import { textsApart } from './texts.mjs'
import {
  forBundlers,
  wasmPlace,
  withoutDeclarations,
  withoutLaws,
  withoutReference,
} from './transforms.mjs'

const manifest = () => JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))
const moduleOf = (file) => file.replace(/^(\.\/)?dist\//, '')

async function write(input, options, output) {
  // Places that package.json names may still be empty.
  const entries = Object.fromEntries(
    input
      .map(([name, file]) => [name, `${root}/${modules}/${file}`])
      .filter(([, path]) => existsSync(path)),
  )
  const bundle = await rolldown({
    cwd: root,
    input: entries,
    logLevel: 'silent',
    ...options,
  })
  const { output: files } = await bundle.write({ format: 'esm', ...output })
  await bundle.close()
  return files.map((f) => f.fileName)
}

/** Modules that know files by their own place, and the modules that they start in threads: these stay where they are. */
function placed() {
  const found = []
  const started = []
  for (const entry of readdirSync(`${root}/${modules}`, { withFileTypes: true, recursive: true })) {
    if (!entry.name.endsWith('.js')) continue
    const folder = (entry.parentPath ?? entry.path).slice(`${root}/${modules}/`.length)
    const text = readFileSync(`${root}/${modules}/${folder}/${entry.name}`, 'utf8')
    if (!/^(?!\s*(\*|\/\/)).*import\.meta\.url/m.test(text)) continue
    found.push(`${folder}/${entry.name}`)
    for (const [, name] of text.matchAll(/new URL\('\.\/([\w.-]+\.js)', import\.meta\.url\)/g))
      started.push(`${folder}/${name}`)
  }
  return { stay: [...found, ...started], started }
}

/** The modules that an entry brings, with what names like `#methods` stand for. */
function reach(entry, names = {}, found = new Set()) {
  if (found.has(entry)) return found
  found.add(entry)
  const text = readFileSync(`${root}/${modules}/${entry}`, 'utf8')
  for (const [, name] of text.matchAll(
    /^(?:import|export)\b[^;]*?['"](\.{1,2}\/[^'"]+|#\w+)['"]/gm,
  ))
    if (!name.startsWith('#')) reach(join(dirname(entry), name), names, found)
    else if (names[name]) reach(names[name], names, found)
  return found
}

/** What Node has from the beginning and a page loads later: no file of its own in the bundle for Node. */
const inNode = ['#methods', '#reference']
/** Their modules, by name. */
const namesInNode = (imports) =>
  Object.fromEntries(inNode.map((name) => [name, moduleOf(imports[name].node)]))

/** How modules are brought together for Node; `stay` keep their places. */
function forNode(stay) {
  const names = namesInNode(manifest().imports)
  const core = reach('index.js', names)
  const training = new Set(['nn/index.js', 'optim/index.js'].flatMap((e) => [...reach(e, names)]))
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
  const { stay } = placed()
  const files = new Set(stay)
  const names = namesInNode(imports)
  const alias = Object.fromEntries(inNode.map((n) => [n, `${root}/${modules}/${names[n]}`]))
  for (const { default: file } of Object.values(exports)) if (file) files.add(moduleOf(file))
  for (const targets of Object.values(imports))
    for (const file of Object.values(targets)) files.add(moduleOf(file))
  for (const file of Object.values(bin)) files.add(moduleOf(file))
  const input = [...files].map((file) => [file.replace(/\.js$/, ''), file])
  return write(
    input,
    {
      platform: 'node',
      external: (id) => /^[^./]/.test(id) && !inNode.includes(id),
      resolve: { alias },
      plugins: [forBundlers],
    },
    { dir: 'dist', ...forNode(stay) },
  )
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
    started: placed().started,
    alias: importsFor('node'),
    output: forNode([]),
  })
}
export const declareEntries = () =>
  writeDeclarations(entriesOfExports(), importsFor('node'), relative)

/** The entries that have a "browser" condition. */
export async function bundleBrowser() {
  const { exports, imports } = manifest()
  const core = reach('index.js')
  // Named by what pages leave out.
  for (const file of core)
    if (file.startsWith('backends/reference/') && file !== moduleOf(imports['#reference'].default))
      core.delete(file)
  const input = Object.values(exports)
    .filter((e) => e.browser)
    .map(({ browser, default: file }) => [
      browser.replace('./dist/browser/', '').replace('.js', ''),
      moduleOf(file),
    ])
  const alias = importsFor('default')
  const training = new Set(['nn/index.js', 'optim/index.js'].flatMap((e) => [...reach(e)]))
  const texts = textsApart((id) =>
    core.has(relative(id)) ? 0 : training.has(relative(id)) ? 1 : 2,
  )
  rmSync(`${root}/dist/browser`, { recursive: true, force: true })
  await write(
    input,
    {
      platform: 'browser',
      resolve: { alias },
      optimization: { inlineConst: true },
      plugins: [
        wasmPlace,
        withoutLaws,
        withoutDeclarations,
        withoutReference,
        innerNames(),
        texts.plugin,
        forBundlers,
      ],
    },
    {
      dir: 'dist/browser',
      minify: { compress: false, mangle: true, codegen: true },
      chunkFileNames: 'part-[hash].js',
      // Fewer files are smaller too, since gzip sees more at once.
      codeSplitting: { groups: [{ name: 'core', test: (id) => core.has(relative(id)) }] },
    },
  )
  const folder = `${root}/dist/backends/cpu/wasm`
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}/nabla-texts.txt`, texts.file())
}
