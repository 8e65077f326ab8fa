// dist/cjs: the package for `require` on Node before 20.19 and 22.12, which cannot require ES modules. There `import` gets
// the same files through small wrappers, so that a process has one Tensor class whichever way it loads nabla. Later
// versions of Node take dist/ both ways ("module-sync" in package.json), and so do bundlers ("module").
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import { basename, dirname, posix } from 'node:path'
import { root } from './targets.mjs'

const folder = `${root}/dist/cjs`
const require = createRequire(`${root}/package.json`)

/** Whether a file is an ES module, by its name or by the package.json above it. */
function isEsModule(file) {
  if (/\.[cm]js$/.test(file)) return file.endsWith('.mjs')
  for (let place = dirname(file); place !== dirname(place); place = dirname(place))
    if (existsSync(`${place}/package.json`))
      return JSON.parse(readFileSync(`${place}/package.json`, 'utf8')).type === 'module'
  return false
}

/** Packages that are ES modules only become part of the bundle. */
function canRequire(name) {
  if (isBuiltin(name)) return true
  try {
    return !isEsModule(require.resolve(name))
  } catch {
    return false
  }
}

/**
 * Modules that find files by their own place go by that of the ES module, beside which the files lie: `import.meta.url`
 * becomes a path from the file that the module ends up in. Modules that they start are those of dist/cjs, as what these
 * import in their thread is.
 */
const placeOfModules = (relative) => ({
  name: 'place-of-modules',
  transform(code, id) {
    if (!code.includes('import.meta.url')) return undefined
    const isPlace = (node) =>
      node?.type === 'MemberExpression' && node.object.type === 'MetaProperty'
    const places = []
    const visit = (node, folder) => {
      if (isPlace(node)) places.push([node, folder])
      const starts = node.type === 'NewExpression' && /\.js$/.test(node.arguments[0]?.value)
      for (const value of Object.values(node))
        for (const child of Array.isArray(value) ? value : [value])
          if (typeof child?.type === 'string') visit(child, starts ? '<dist>/cjs' : '<dist>')
    }
    visit(this.parse(code), '<dist>')
    let placed = code
    for (const [{ start, end }, folder] of places.sort((a, b) => b[0].start - a[0].start))
      placed = `${placed.slice(0, start)}urlOf(__dirname + '/${folder}/${relative(id)}').href${placed.slice(end)}`
    return { code: `import { pathToFileURL as urlOf } from 'node:url'\n${placed}`, map: null }
  },
  renderChunk: (code, { fileName }) => ({
    code: code.replaceAll('<dist>', posix.relative(posix.dirname(`cjs/${fileName}`), '.')),
    map: null,
  }),
})

/**
 * Writes the JavaScript of dist/cjs from what bundle.mjs knows: the package's entries, and the modules that are started in
 * threads. Its declarations are there already, from tsc.
 */
export async function bundleCommonJs({ write, relative, entries, started, alias, output }) {
  for (const file of readdirSync(folder, { recursive: true }))
    if (/\.m?js$/.test(file)) rmSync(`${folder}/${file}`)
  await write(
    [...entries, ...started].map((file) => [file.replace(/\.js$/, ''), file]),
    {
      platform: 'node',
      external: (id) => !/^[./#]/.test(id) && canRequire(id),
      resolve: { alias },
      plugins: [placeOfModules(relative)],
    },
    { ...output, dir: 'dist/cjs', format: 'cjs', esModule: false, exports: 'named' },
  )
  writeFileSync(`${folder}/package.json`, '{ "type": "commonjs" }\n')
  for (const file of entries) {
    const path = `${folder}/${file}`
    if (!existsSync(path)) continue
    const names = Object.keys(require(path)).sort()
    writeFileSync(
      path.replace(/\.js$/, '.mjs'),
      `import cjs from './${basename(file)}'\nexport const { ${names.join(', ')} } = cjs\n`,
    )
  }
}

/**
 * What declarations name of pages and of Node, for projects that know neither: names alone, which become one with what
 * `lib: ["dom"]` or @types/node say of them.
 */
const globals = `/// <reference lib="esnext.disposable" />
interface URL {}
declare namespace WebAssembly {
  interface Module {}
}
`

/**
 * One declaration of each class for both ways of loading: the entries of dist/ pass on those of dist/cjs. There the names
 * of package.json's "imports" become paths, since these hold for the package itself only, not for a folder in it.
 */
export function writeDeclarations(entries, alias, relative) {
  for (const file of readdirSync(folder, { recursive: true })) {
    if (!file.endsWith('.d.ts')) continue
    const text = readFileSync(`${folder}/${file}`, 'utf8')
    const plain = text.replace(/(?<=')#\w+(?=')/g, (name) => {
      const path = posix.relative(posix.dirname(file), relative(alias[name]))
      return path.startsWith('.') ? path : `./${path}`
    })
    if (plain !== text) writeFileSync(`${folder}/${file}`, plain)
  }
  writeFileSync(`${folder}/globals.d.ts`, globals)
  for (const file of entries) {
    const types = file.replace(/\.js$/, '.d.ts')
    if (!existsSync(`${folder}/${types}`)) continue
    const up = posix.relative(posix.dirname(types), 'globals.d.ts')
    const own = readFileSync(`${folder}/${types}`, 'utf8')
    writeFileSync(`${folder}/${types}`, `/// <reference path="${up}" />\n${own}`)
    mkdirSync(dirname(`${root}/dist/${types}`), { recursive: true })
    const from = posix.relative(posix.dirname(types), `cjs/${file}`)
    writeFileSync(
      `${root}/dist/${types}`,
      `export * from '${from.startsWith('.') ? from : `./${from}`}'\n`,
    )
  }
}
