// What is changed in modules on their way into the package's files: for users' bundlers, and for pages.
import { readFileSync } from 'node:fs'
import { isInner } from './inner-names.mjs'
import { childrenOf, edited, ours, relative } from './syntax.mjs'

/** The WebAssembly files stay where they are. */
export const wasmPlace = {
  name: 'wasm-place',
  transform: (code, id) =>
    /\/(platform|texts)\.browser\.js$/.test(id)
      ? code.replaceAll("'./wasm/", "'../backends/cpu/wasm/")
      : undefined,
}

/** Whether an expression reads properties of others while it is made. */
const reads = (node) =>
  /^(Spread|Member)/.test(node.type) ||
  (!/Function|Class/.test(node.type) && [...childrenOf(node)].some(reads))

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
      if (node.id && !own && (!isInner(relative(id)) || /Backend$/.test(node.id.name))) {
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
/** The description of an operation: its name, and how it computes, which the makers of src/ops know where it is not said. */
function describesOperation({ type, properties }, room) {
  if (type !== 'ObjectExpression') return false
  const names = new Set(properties.map((p) => p.key?.name))
  return (
    names.has('name') &&
    (rules.some((rule) => names.has(rule)) || (room === 'ops' && names.has('formula')))
  )
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
      if (describesOperation(node, room))
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
 * And what optimizers say to compile/expressions.ts, which Node alone asks: pages compile the same kernels without it.
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
            !computed &&
            !ofClass &&
            ((!value && set.has(key.name)) || key.name === 'alike')
          )
            edits.push([start, end, ''])
      }
      for (const child of childrenOf(node)) visit(child)
    }
    visit(this.parse(code))
    return { code: edited(code, edits), map: null }
  },
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
