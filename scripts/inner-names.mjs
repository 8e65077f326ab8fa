// Names of properties that only the inner rooms know become short in pages. Minifiers leave such names alone, since they
// do not see who else reads them; here all modules are seen, and a name that stands anywhere else stays.
import { readdirSync, readFileSync } from 'node:fs'
import { parseAst } from 'rolldown/parseAst'
import { childrenOf, edited, modules, relative } from './syntax.mjs'
import { root } from './targets.mjs'

/** Modules of inner rooms from which the package exports: users know their names. */
const open = new Set(
  [...readFileSync(`${root}/src/index.ts`, 'utf8').matchAll(/ from '\.\/(.+\.js)'/g)].map(
    (m) => m[1],
  ),
)
/** Whether users meet nothing of a module: rooms that the package's entries do not export from. */
export const isInner = (file) => /^(backends|compile)\//.test(file) && !open.has(file)

/** The identifier by which a node names a property. */
function propertyOf({ type, computed, property, key }) {
  const name =
    type === 'MemberExpression'
      ? property
      : /^(Property|MethodDefinition|PropertyDefinition)$/.test(type)
        ? key
        : undefined
  return !computed && name?.type === 'Identifier' ? name : undefined
}
const filesUnder = (folder, ending) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map(({ parentPath, path, name }) => `${parentPath ?? path}/${name}`)
const wordsOf = (text) => text.match(/[\w$]+/g) ?? []

/** Names of properties by the modules that use them, and strings that may name one. */
function usedNames() {
  const uses = new Map()
  const strings = new Set()
  for (const path of filesUnder(`${root}/${modules}`, /\.js$/)) {
    const file = relative(path)
    const visit = (node) => {
      const name = propertyOf(node)?.name
      if (name) uses.set(name, [...(uses.get(name) ?? []), file])
      if (typeof node.value === 'string') strings.add(node.value)
      // Lists of names, and programs of workers.
      if (name === 'split' && typeof node.object?.value === 'string')
        for (const word of wordsOf(node.object.value)) strings.add(word)
      if (node.type === 'TemplateElement' && /\bpostMessage\b/.test(node.value.cooked))
        for (const word of wordsOf(node.value.cooked)) strings.add(word)
      // What a module exports may be read from its namespace.
      if (node.type === 'ExportNamedDeclaration')
        for (const { id, exported } of [
          ...(node.declaration ? [node.declaration, ...(node.declaration.declarations ?? [])] : []),
          ...node.specifiers,
        ])
          strings.add((id ?? exported)?.name)
      for (const child of childrenOf(node)) visit(child)
    }
    visit(parseAst(readFileSync(path, 'utf8')))
  }
  return { uses, strings }
}

const withoutComments = (text) => text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*/gm, '')
/** The names that nothing but inner rooms knows, with a short one for each. */
function shortNames() {
  const { uses, strings } = usedNames()
  const known = new Set(strings)
  const platform = filesUnder(`${root}/node_modules/@typescript`, /^lib\..*d\.ts$/)
  if (platform.length === 0) throw new Error('the words of JavaScript and browsers are missing')
  for (const path of [
    ...platform,
    ...[...open].map((f) => `${root}/src/${f.replace('.js', '.ts')}`),
  ])
    for (const word of wordsOf(withoutComments(readFileSync(path, 'utf8')))) known.add(word)
  const names = [...uses.keys()].filter(
    (name) =>
      name.length > 2 &&
      // What WebAssembly exports.
      !name.startsWith('nabla_') &&
      !known.has(name) &&
      uses.get(name).every((file) => /^(backends|compile)\//.test(file)),
  )
  const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ']
  const free = [...letters, ...letters.flatMap((a) => letters.map((b) => a + b))].filter(
    (short) => !uses.has(short),
  )
  // The most used ones are the shortest.
  names.sort((a, b) => uses.get(b).length - uses.get(a).length || (a < b ? -1 : 1))
  return new Map(names.map((name, i) => [name, free[i]]))
}

export function innerNames() {
  const short = shortNames()
  return {
    name: 'inner-names',
    transform(code, id) {
      if (!/^(backends|compile)\//.test(relative(id.replace('?whole', '')))) return undefined
      const edits = []
      const visit = (node) => {
        const name = propertyOf(node)
        const now = name && short.get(name.name)
        if (now)
          edits.push(
            node.shorthand ? [node.start, node.start, `${now}: `] : [name.start, name.end, now],
          )
        for (const child of childrenOf(node)) visit(child)
      }
      visit(this.parse(code))
      return edits.length > 0 ? { code: edited(code, edits), map: null } : undefined
    },
  }
}
