// The texts of errors leave the modules of pages for a file of their own.
import { hash } from './cxx.mjs'
import { bare, childrenOf, edited, modules, ours } from './syntax.mjs'
import { root } from './targets.mjs'

/** Modules whose errors must be readable when no file is. */
const selfReliant = /\/backends\/cpu\/(files|source|texts\.browser|platform\.browser)\.js$/
/** A number that nothing else in the sources is, and that no printer writes as a power of ten (73e5). */
const markOf = (i) => 7_300_001 + 10 * i
const wordy = (text) => text.length >= 12 && text.includes(' ')
/** Functions that write a value into a text: the text names them, and the page passes the value. */
const writers = { show: '\ue001', showValue: '\ue002' }
const writerOf = ({ type, callee, arguments: args }, imported) =>
  type === 'CallExpression' && args.length === 1 && imported.has(callee.name)
    ? writers[callee.name]
    : undefined
/** The parts of a literal or a template: strings, and expressions between them; undefined for what is neither. */
function partsOf(node) {
  if (node.type === 'Literal' && typeof node.value === 'string') return [node.value]
  if (node.type !== 'TemplateLiteral') return undefined
  return node.quasis.flatMap((q, i) => [q.value.cooked, ...node.expressions.slice(i, i + 1)])
}
/** Each value once, by the place that texts name it by: an expression that has no effect is not computed twice. */
class Values {
  list = []
  add(code) {
    const known = /^[\w$.]+$/.test(code) ? this.list.indexOf(code) : -1
    if (known >= 0) return known
    return this.list.push(code) - 1
  }
  /** What stands in the text where the value comes. */
  hole(code, kind = '\ue000') {
    return kind + String.fromCharCode(97 + this.add(code))
  }
}

/**
 * The errors' texts, in a file that a page reads when the first error is made (src/backends/cpu/texts.browser.ts): nothing
 * else reads them, and they are a tenth of what a page would load. An error that is made from a complaint goes there whole;
 * of what is computed otherwise the texts go. `rank`: of a module, 0 for what every page loads.
 */
export function textsApart(rank) {
  /** By text: what stands for its number until all modules are known, and the least rank of those that have it. */
  const texts = new Map()
  const numberOf = (text, id, at) => {
    const line = JSON.stringify(text)
    const first = texts.get(line) ?? { mark: markOf(texts.size), rank: rank(id), id, at }
    if (id < first.id) Object.assign(first, { id, at })
    else if (id === first.id) first.at = Math.min(first.at, at)
    first.rank = Math.min(first.rank, rank(id))
    texts.set(line, first)
    return first.mark
  }
  /** By rank, module and place, whichever module was read first: what most pages load has the shortest numbers. */
  const sorted = () =>
    [...texts].sort(
      ([, x], [, y]) => x.rank - y.rank || (x.id === y.id ? x.at - y.at : x.id < y.id ? -1 : 1),
    )
  const lines = () =>
    sorted()
      .map(([line]) => line)
      .join('\n')
  const edition = () => hash(lines()).slice(0, 8)
  let numbers
  return {
    file: () => `${edition()}\n${lines()}`,
    plugin: {
      name: 'texts-apart',
      renderChunk(code) {
        numbers ??= new Map(sorted().map(([, { mark }], i) => [`${mark}`, `${i + 1}`]))
        return {
          code: code
            .replace(/\b73\d{4}1\b/g, (mark) => numbers.get(mark) ?? mark)
            .replace('edition of nabla-texts.txt', edition()),
          map: null,
        }
      },
      transform(code, id) {
        if (!ours(id) || selfReliant.test(id)) return undefined
        const program = this.parse(code)
        const imported = new Set(
          program.body.flatMap((s) =>
            s.type === 'ImportDeclaration' &&
            /core\/|^\.\/(errors|options)\.js$/.test(s.source.value)
              ? s.specifiers.map((x) => x.local.name).filter((name) => name in writers)
              : [],
          ),
        )
        const edits = []
        /** The code of an expression, with its own texts apart. */
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
        /** A text whose values are written into it. */
        const filled = (parts, values) =>
          parts
            .map((part) => {
              if (typeof part === 'string') return part
              const writer = writerOf(part, imported)
              return values.hole(inside(writer ? part.arguments[0] : part), writer)
            })
            .join('')
        const replaced = (node) => {
          const error = wholeError(node)
          if (error) return error
          const parts = partsOf(node)
          if (!parts || !wordy(parts.filter((p) => typeof p === 'string').join('')))
            return undefined
          const values = new Values()
          const number = numberOf(filled(parts, values), id, node.start)
          return `$text(${[number, ...values.list].join(', ')})`
        }
        const isComplaint = (node) =>
          node?.type === 'ObjectExpression' &&
          ['op', 'rule'].every((name) => node.properties.some((p) => p.key?.name === name))
        /** `new ShapeError({ op, rule, got, ...(hint && { fix }) })` as its class, its number and its values. */
        const wholeError = (node) => {
          if (node.type !== 'NewExpression' || !/^[A-Z]\w*Error$/.test(node.callee.name))
            return undefined
          if (node.arguments.length !== 1 || !isComplaint(node.arguments[0])) return undefined
          const values = new Values()
          const fields = []
          /** The text of a field, or the place of the value that it is. */
          const field = (value) => {
            const parts = partsOf(value) ?? (writerOf(value, imported) && [value])
            return parts ? filled(parts, values) : values.add(inside(value))
          }
          for (const property of node.arguments[0].properties) {
            if (property.type === 'Property') {
              if (property.computed) return undefined
              fields.push([property.key.name, field(property.value)])
              continue
            }
            const { type, operator, left, right } = bare(property.argument)
            const [own, ...others] = right ? (bare(right).properties ?? []) : []
            if (
              type !== 'LogicalExpression' ||
              operator !== '&&' ||
              own?.type !== 'Property' ||
              others.length > 0
            )
              return undefined
            const parts = partsOf(own.value)
            const when = inside(left)
            if (parts?.length === 1) fields.push([own.key.name, parts[0], values.add(when)])
            else {
              // Its values may not be there where the condition fails.
              const value = inside(own.value)
              const at = values.add(when === value ? value : `(${when}) && ${value}`)
              fields.push([own.key.name, at, at])
            }
          }
          const number = numberOf(fields, id, node.start)
          return `$error(${[node.callee.name, number, ...values.list].join(', ')})`
        }
        const visit = (node) => {
          // What stands behind `throw` is computed when it is thrown.
          if (node.type === 'ThrowStatement') {
            edits.push([node.argument.start, node.argument.end, inside(node.argument)])
            return
          }
          const error = wholeError(node)
          if (error) {
            edits.push([node.start, node.end, error])
            return
          }
          if (!isComplaint(node)) {
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
        visit(program)
        if (edits.length === 0) return undefined
        const from = JSON.stringify(`${root}/${modules}/backends/cpu/texts.browser.js`)
        return {
          code: `import { error as $error, text as $text } from ${from};\n${edited(code, edits)}`,
          map: null,
        }
      },
    },
  }
}
