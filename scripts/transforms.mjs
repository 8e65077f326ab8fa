// What is changed in modules on their way into the package's files: for users' bundlers, and for pages.
import { readFileSync } from 'node:fs'
import { hash } from './cxx.mjs'
import { root } from './targets.mjs'

export const modules = 'build/js'
/** A module's path from the folder of modules. */
export const relative = (id) => id.slice(`${root}/${modules}/`.length)

/** The WebAssembly files stay where they are. */
export const wasmPlace = {
  name: 'wasm-place',
  transform: (code, id) =>
    /\/(platform|texts)\.browser\.js$/.test(id)
      ? code.replaceAll("'./wasm/", "'../backends/cpu/wasm/")
      : undefined,
}

/** The children of a syntax node. */
function* childrenOf(node) {
  for (const value of Object.values(node))
    for (const child of Array.isArray(value) ? value : [value])
      if (typeof child?.type === 'string') yield child
}
/** The text with each `[start, end, text]` put in. */
function edited(code, edits) {
  let result = code
  for (const [start, end, text] of edits.sort((a, b) => b[0] - a[0]))
    result = result.slice(0, start) + text + result.slice(end)
  return result
}
/** Whether an expression reads properties of others while it is made. */
const reads = (node) =>
  /^(Spread|Member)/.test(node.type) ||
  (!/Function|Class/.test(node.type) && [...childrenOf(node)].some(reads))
const ours = (id) => id.startsWith(`${root}/${modules}/`)

/**
 * Makes what users bundle and minify fit for it. Classes carry their names as data, so that errors, summaries and saved
 * files name them alike, whatever a minifier calls them. And constants that a call makes, or that are made from others,
 * are marked as free of effects, so that an operation, a layer or a table that nobody uses is left out.
 */
export const forBundlers = {
  name: 'for-bundlers',
  transform(code, id) {
    if (!ours(id)) return undefined
    const edits = []
    const named = (node) => {
      const own = node.body.body.some((m) => m.static && m.key?.name === 'name')
      if (node.id && !own) {
        const at = node.body.start + 1
        edits.push([at, at, ` static name = ${JSON.stringify(node.id.name)};`])
      }
    }
    const visit = (node) => {
      if (node.type === 'ClassDeclaration' || node.type === 'ClassExpression') named(node)
      for (const child of childrenOf(node)) visit(child)
    }
    /** Calls that run while the module loads. */
    const free = (node) => {
      if (/Function|Class|Await/.test(node.type)) return
      if (/^(Call|New)Expression$/.test(node.type))
        edits.push([node.start, node.start, '/*#__PURE__*/ '])
      for (const child of childrenOf(node)) free(child)
    }
    const program = this.parse(code)
    visit(program)
    for (const statement of program.body) {
      const { superClass } = statement.declaration ?? statement
      if (superClass?.type === 'CallExpression') {
        // Whatever its arguments are, spread objects too.
        const { start, end } = superClass
        edits.push([start, start, '/*#__PURE__*/ (() => '], [end, end, ')()'])
      }
      const declared =
        statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement
      if (declared?.type === 'VariableDeclaration' && declared.kind === 'const')
        for (const { init } of declared.declarations) {
          if (!init) continue
          free(init)
          // Bundlers keep an object that reads or spreads another, since a getter might do something.
          if (/^(Object|Array)Expression$/.test(init.type) && reads(init))
            edits.push(
              [init.start, init.start, '/*#__PURE__*/ (() => ('],
              [init.end, init.end, '))()'],
            )
        }
    }
    // What package.json says of effects is said of built files.
    return { code: edited(code, edits), map: null, moduleSideEffects: true }
  },
}

/** OpLaws of src/ops/define.ts: what operations carry for readers and for the laws, and what makers of operations draw it from. */
const laws = new Set(['formula', 'source', 'example', 'samples', 'except', 'domain', 'domainB'])
const rules = ['args', 'forward', 'lower', 'plan']
/** The description of an operation: its name, and how it computes. */
function describesOperation({ type, properties }) {
  if (type !== 'ObjectExpression') return false
  const names = new Set(properties.map((p) => p.key?.name))
  return names.has('name') && rules.some((rule) => names.has(rule))
}
/**
 * Leaves that out of the descriptions of operations, the object literals that `defineOp`, `defineMove` and the makers of
 * src/ops/forms.ts take, where the types let nothing that computes read it. A property of the same name anywhere else
 * stays: it means something else.
 */
export const withoutLaws = {
  name: 'without-laws',
  transform(code, id) {
    const room = relative(id).split('/')[0]
    if (!['ops', 'linalg', 'fft', 'masked', 'special'].includes(room)) return undefined
    const edits = []
    const visit = (node) => {
      if (describesOperation(node))
        for (const { type, computed, key, start, end } of node.properties)
          if (type === 'Property' && !computed && laws.has(key.name))
            edits.push([start, end + /^\s*,?/.exec(code.slice(end))[0].length, ''])
      for (const child of childrenOf(node)) visit(child)
    }
    visit(this.parse(code))
    return { code: edited(code, edits), map: null }
  },
}

/**
 * Leaves out the declarations of fields that the constructor sets anyway: JavaScript would set them to undefined before.
 */
export const withoutDeclarations = {
  name: 'without-declarations',
  transform(code, id) {
    if (!ours(id)) return undefined
    const edits = []
    const visit = (node) => {
      if (node.type === 'ClassBody') {
        const maker = node.body.find((m) => m.kind === 'constructor')
        const set = new Set()
        for (const { expression } of maker?.value.body.body ?? []) {
          const { type, operator, left } = expression ?? {}
          if (
            type === 'AssignmentExpression' &&
            operator === '=' &&
            left.object?.type === 'ThisExpression' &&
            left.property.type === 'Identifier'
          )
            set.add(left.property.name)
        }
        for (const { type, key, value, computed, static: ofClass, start, end } of node.body)
          if (
            type === 'PropertyDefinition' &&
            key.type === 'Identifier' &&
            !value &&
            !computed &&
            !ofClass &&
            set.has(key.name)
          )
            edits.push([start, end, ''])
      }
      for (const child of childrenOf(node)) visit(child)
    }
    visit(this.parse(code))
    return { code: edited(code, edits), map: null }
  },
}

/** Modules whose errors must be readable when no file is. */
const selfReliant = /\/backends\/cpu\/(files|source|texts\.browser|platform\.browser)\.js$/
const hole = '\u0001'
const wordy = (text) => text.length >= 12 && text.includes(' ')
/**
 * The texts of errors, in a file that a page reads when the first error is made (src/backends/cpu/texts.browser.ts): nothing
 * else reads them, and they are a tenth of what a page would load.
 */
export function textsApart() {
  const numbers = new Map()
  const numberOf = (text) => {
    if (!numbers.has(text)) numbers.set(text, numbers.size + 1)
    return numbers.get(text)
  }
  const lines = () => [...numbers.keys()].map((text) => JSON.stringify(text)).join('\n')
  const edition = () => hash(lines()).slice(0, 8)
  return {
    file: () => `${edition()}\n${lines()}`,
    plugin: {
      name: 'texts-apart',
      renderChunk: (code) => ({
        code: code.replace('edition of nabla-texts.txt', edition()),
        map: null,
      }),
      transform(code, id) {
        if (!ours(id) || selfReliant.test(id)) return undefined
        const edits = []
        /** Edits in an expression, beginning at `from`. */
        const call = (number, values) => `$text(${[number, ...values].join(', ')})`
        const inside = (node) => {
          const own = []
          const look = (n) => {
            const text = replaced(n)
            if (text !== undefined) own.push([n.start - node.start, n.end - node.start, text])
            else for (const child of childrenOf(n)) look(child)
          }
          look(node)
          return edited(code.slice(node.start, node.end), own)
        }
        const replaced = (node) => {
          if (node.type === 'Literal' && typeof node.value === 'string' && wordy(node.value))
            return call(numberOf(node.value), [])
          if (node.type !== 'TemplateLiteral') return undefined
          const parts = node.quasis.map((q) => q.value.cooked)
          if (!wordy(parts.join(''))) return undefined
          return call(numberOf(parts.join(hole)), node.expressions.map(inside))
        }
        const visit = (node) => {
          // What stands behind `throw` is computed when it is thrown.
          if (node.type === 'ThrowStatement') {
            edits.push([node.argument.start, node.argument.end, inside(node.argument)])
            return
          }
          const complaint =
            node.type === 'ObjectExpression' &&
            ['op', 'rule'].every((name) => node.properties.some((p) => p.key?.name === name))
          if (!complaint) {
            for (const child of childrenOf(node)) visit(child)
            return
          }
          for (const property of node.properties)
            if (property.value?.type)
              edits.push([property.value.start, property.value.end, inside(property.value)])
            else if (property.argument)
              edits.push([
                property.argument.start,
                property.argument.end,
                inside(property.argument),
              ])
        }
        visit(this.parse(code))
        if (edits.length === 0) return undefined
        const from = JSON.stringify(`${root}/${modules}/backends/cpu/texts.browser.js`)
        return { code: `import { text as $text } from ${from};\n${edited(code, edits)}`, map: null }
      },
    },
  }
}

const records = '/backends/prims/'
/**
 * Records of primitives hold the plain loops of the reference backend, which pages do not load: they are left out where
 * records are loaded, and the reference backend's file gets records of its own, with them.
 */
export const withoutReference = {
  name: 'without-reference',
  async resolveId(source, importer, options) {
    const forReference = importer?.includes('/backends/reference/') || importer?.endsWith('?whole')
    if (!forReference || !source.startsWith('.')) return null
    const found = await this.resolve(source, importer.replace('?whole', ''), options)
    if (!found?.id.includes(records) && !found?.id.endsWith('/backends/prims.js')) return found
    return { ...found, id: `${found.id}?whole` }
  },
  load: (id) =>
    id.endsWith('?whole') ? readFileSync(id.replace('?whole', ''), 'utf8') : undefined,
  transform(code, id) {
    if (!id.includes(records) || id.endsWith('?whole')) return undefined
    const edits = []
    const visit = (node) => {
      if (node.type === 'ImportDeclaration' && node.source.value.includes('/reference/'))
        edits.push([node.start, node.end, ''])
      else if (node.type === 'Property' && !node.computed && node.key.name === 'reference')
        edits.push([node.start, node.end + /^\s*,?/.exec(code.slice(node.end))[0].length, ''])
      else for (const child of childrenOf(node)) visit(child)
    }
    visit(this.parse(code))
    return { code: edited(code, edits), map: null }
  },
}
