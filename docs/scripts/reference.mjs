// The pages of the reference, made from the sources (docstrings, operations) and the built package (names): nothing in
// them is written by hand. In both languages; docstrings are English.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { keras } from '../names/keras.mjs'
import { others } from '../names/pytorch.mjs'
import { linkPackage } from './run-code.mjs'

const docs = dirname(dirname(fileURLToPath(import.meta.url)))
const root = dirname(docs)
const entries = () =>
  Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).exports)
    .filter((e) => e !== './package.json')
    .map((e) => e.slice(2))

/** Every public name, as `sin` or `nn.Linear`, with what it is. */
export async function publicNames() {
  linkPackage()
  const names = new Map()
  for (const entry of entries()) {
    const from = await import(`nabla${entry && `/${entry}`}`)
    for (const [name, value] of Object.entries(from)) {
      names.set(entry ? `${entry}.${name}` : name, value)
      if (entry === 'nn' && name === 'init')
        for (const [n, v] of Object.entries(value)) names.set(`nn.init.${n}`, v)
    }
    if (entry === '') {
      for (
        let proto = from.Tensor.prototype;
        proto !== Object.prototype;
        proto = Object.getPrototypeOf(proto)
      )
        for (const n of Object.getOwnPropertyNames(proto)) names.set(`Tensor.${n}`, true)
    }
  }
  return names
}

const camel = (name) => name.replace(/_+$/, '').replace(/_(\w)/g, (_, c) => c.toUpperCase())

/** Where PyTorch's name would be in nabla by the rule, the first that may exist. */
function candidates(space, name) {
  const own = others[`${space}.${name}`]
  if (own) return [own]
  switch (space) {
    case 'torch.nn':
      return [`nn.${name}`]
    case 'torch.nn.init':
      return [`nn.init.${camel(name)}`]
    case 'torch.optim':
    case 'torch.optim.lr_scheduler':
      return [`optim.${name}`]
    case 'torch.Tensor':
      return [`Tensor.${camel(name)}`, camel(name)]
    case 'torch.linalg':
    case 'torch.fft':
    case 'torch.special': {
      const room = space.slice('torch.'.length)
      return [`${room}.${camel(name)}`, camel(name)]
    }
    default:
      return [camel(name), others[`torch.${name}`] ?? '']
  }
}

/** PyTorch's names by their module: `[PyTorch, nabla or undefined]`. */
export function fromPytorch(names) {
  const torch = JSON.parse(readFileSync(join(docs, 'names', 'torch.json'), 'utf8'))
  const tables = {}
  const add = (space, name) => {
    tables[space] ??= []
    tables[space].push([`${space}.${name}`, candidates(space, name).find((c) => names.has(c))])
  }
  for (const [space, list] of Object.entries(torch))
    if (Array.isArray(list))
      for (const name of list)
        if (!name.endsWith('_') || space === 'torch.nn.init') add(space, name)
  const known = new Set(Object.values(tables).flatMap((t) => t.map(([n]) => n)))
  for (const full of Object.keys(others)) {
    if (known.has(full)) continue
    const [, space, name] = /^(.*)\.(\w+)$/.exec(full)
    add(space, name)
  }
  return tables
}

// --- Docstrings, read from the sources.

const parse = (file) =>
  ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)

/** A docstring: its text, and its tags wherever they stand in a line. */
function docOf(node) {
  const comment = node.jsDoc?.at(-1)?.getText()
  if (!comment) return { text: '', tags: {} }
  const plain = comment
    .replace(/^\/\*\*/, '')
    .replace(/\*\/$/, '')
    .replace(/\n\s*\* ?/g, '\n')
  const [text, ...rest] = plain.split(/(?:^|\s)@(?=(?:example|param|returns|throws|see)\b)/)
  const tags = {}
  for (const part of rest) {
    const [, name, said] = /^(\w+)\s*([\s\S]*)$/.exec(part)
    tags[name] ??= []
    tags[name].push(said.trim())
  }
  return { text: text.trim(), tags }
}

/** The text of a property of an object literal somewhere in the call, such as a formula. */
function property(node, name) {
  let found
  const visit = (n, depth) => {
    if (found !== undefined || depth > 3) return
    if (
      ts.isPropertyAssignment(n) &&
      n.name.getText() === name &&
      ts.isStringLiteralLike(n.initializer)
    )
      found = n.initializer.text
    else if (ts.isCallExpression(n)) for (const a of n.arguments) visit(a, depth)
    else if (ts.isObjectLiteralExpression(n)) for (const p of n.properties) visit(p, depth + 1)
    else if (ts.isPropertyAssignment(n)) visit(n.initializer, depth)
  }
  visit(node, 0)
  return found
}

const isExported = (n) => n.modifiers?.some((m) => m.kind === ts.SyntaxKind.ExportKeyword)

/** Exported functions, constants and classes of a file with what is said of them. */
function exportsOf(file) {
  const found = []
  for (const n of parse(file).statements) {
    if (!isExported(n)) continue
    if (ts.isVariableStatement(n))
      for (const d of n.declarationList.declarations) {
        if (!d.initializer) continue
        found.push({
          name: d.name.getText(),
          kind: 'const',
          ...docOf(n),
          formula: property(d.initializer, 'formula'),
          source: property(d.initializer, 'source'),
        })
      }
    else if (ts.isFunctionDeclaration(n) && n.name && n.body)
      found.push({
        name: n.name.text,
        kind: 'function',
        ...docOf(n),
        signature: `${n.name.text}(${n.parameters.map((p) => p.getText()).join(', ')})`,
      })
    else if (ts.isClassDeclaration(n) && n.name)
      found.push({
        name: n.name.text,
        kind: 'class',
        ...docOf(n),
        base: n.heritageClauses?.[0]?.getText(),
      })
  }
  return found
}

const filesOf = (folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .filter((f) => f.endsWith('.ts'))
    .map((f) => join(root, folder, f))
    .sort()

const safe = (text) =>
  text.replace(/[<>{}]/g, (c) => ({ '<': '&lt;', '>': '&gt;', '{': '&#123;', '}': '&#125;' })[c])
const prose = (text) =>
  text
    .split(/(```[\s\S]*?```|`[^`]*`)/)
    .map((part, i) => (i % 2 ? part : safe(part).replace(/\$/g, '\\$')))
    .join('')
    .replace(/\{@link (\w+)\}/g, '`$1`')

const words = {
  en: {
    formula: 'Formula',
    example: 'Example',
    errors: 'Errors',
    source: 'Source',
    returns: 'Returns',
    generated: 'This page is made from the sources. Every example runs in the tests.',
    operations: 'Operations',
    layers: 'Layers',
    pytorch: 'From PyTorch',
    keras: 'From Keras',
    missing: 'not there yet',
    count: (has, all) => `${has} of ${all} names`,
    rule: `Names, argument orders and defaults are PyTorch's, in camelCase; keyword arguments stand in an options object. The table is made from PyTorch's own list of names and from what the built package exports.`,
    kerasNote: `Keras's names, and what does the same here. Numbers follow PyTorch where the two differ: see the notes of each operation.`,
  },
  zh: {
    formula: '公式',
    example: '例子',
    errors: '错误',
    source: '出处',
    returns: '返回',
    generated: '本页由源码生成，说明文字保留英文；每个例子都在测试中运行。',
    operations: '运算',
    layers: '层',
    pytorch: '从 PyTorch 来',
    keras: '从 Keras 来',
    missing: '暂时没有',
    count: (has, all) => `${all} 个名称中的 ${has} 个`,
    rule: '名称、参数顺序和默认值与 PyTorch 相同，写成驼峰式；关键字参数放在选项对象里。下表由 PyTorch 自己的名称列表和构建好的包的导出生成。',
    kerasNote: '左边是 Keras 的名称，右边是 nabla 中对应的写法。两者数值不同之处以 PyTorch 为准。',
  },
}

function entry(e, w) {
  const lines = [`### ${e.name}`, '']
  if (e.signature) lines.push(`\`\`\`ts\n${e.signature}\n\`\`\``, '')
  if (e.text) lines.push(prose(e.text), '')
  if (e.formula) lines.push(`**${w.formula}**: \`${e.formula}\``, '')
  for (const r of e.tags.returns ?? []) lines.push(`**${w.returns}**: ${prose(r)}`, '')
  for (const t of e.tags.throws ?? []) lines.push(`**${w.errors}**: ${prose(t)}`, '')
  for (const x of e.tags.example ?? [])
    lines.push(`**${w.example}**`, '', `\`\`\`js\n${x.trim()}\n\`\`\``, '')
  for (const s of e.tags.see ?? []) lines.push(prose(s), '')
  if (e.source)
    lines.push(`${w.source}: ${/^https?:/.test(e.source) ? `<${e.source}>` : prose(e.source)}`, '')
  return lines.join('\n')
}

/** Sections of one folder by file, what is public only. */
function sections(folder, isPublic, w) {
  const out = []
  for (const file of filesOf(folder)) {
    const list = exportsOf(file).filter(isPublic)
    if (list.length === 0) continue
    const title = relative(join(root, folder), file)
      .replace(/\.ts$/, '')
      .replace(/\/index$/, '')
    out.push(`## ${title}`, '', ...list.map((e) => entry(e, w)))
  }
  return out.join('\n')
}

const table = (rows, head) =>
  [
    `| ${head.join(' | ')} |`,
    `| ${head.map(() => '---').join(' | ')} |`,
    ...rows.map((r) => `| ${r.join(' | ')} |`),
    '',
  ].join('\n')
const code = (name) => `\`${name}\``
const importOf = (name) => {
  const [room, rest] =
    /^(linalg|fft|special|nn|optim|data|stats|audio|vision|train|models|classic|rl|io|plot)\.(.*)$/
      .exec(name)
      ?.slice(1) ?? []
  return rest ? `${code(rest)} (nabla/${room})` : code(name)
}

export async function makeReference() {
  const names = await publicNames()
  const torch = fromPytorch(names)
  for (const [lang, w] of Object.entries(words)) {
    const out = join(docs, lang === 'zh' ? 'zh/reference' : 'reference')
    rmSync(out, { recursive: true, force: true })
    mkdirSync(out, { recursive: true })
    const write = (file, title, ...parts) =>
      writeFileSync(
        join(out, `${file}.md`),
        `---\noutline: [2, 3]\n---\n\n# ${title}\n\n${parts.join('\n\n')}\n`,
      )
    write(
      'operations',
      w.operations,
      w.generated,
      sections('src/ops', (e) => e.kind !== 'class' && typeof names.get(e.name) === 'function', w),
    )
    write(
      'layers',
      w.layers,
      w.generated,
      sections(
        'src/nn',
        (e) => e.kind === 'class' && typeof names.get(`nn.${e.name}`) === 'function',
        w,
      ),
    )
    write(
      'from-pytorch',
      w.pytorch,
      w.rule,
      ...Object.entries(torch).map(([space, rows]) => {
        const has = rows.filter(([, n]) => n).length
        return `## ${space}\n\n${w.count(has, rows.length)}\n\n${table(
          rows.map(([t, n]) => [code(t), n ? importOf(n) : w.missing]),
          ['PyTorch', 'nabla'],
        )}`
      }),
    )
    write(
      'from-keras',
      w.keras,
      w.kerasNote,
      table(
        Object.entries(keras).map(([k, n]) => [code(k), importOf(n)]),
        ['Keras', 'nabla'],
      ),
    )
  }
  makeApi()
}

/** All public names with their types: pages of their own, by TypeDoc, beside those of the site. */
function makeApi() {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      join(docs, 'node_modules/typedoc/bin/typedoc'),
      '--options',
      join(docs, 'typedoc.json'),
      // Rooms; the other entries of the package show what is theirs already, or nothing.
      ...entries()
        .map((entry) => join(root, 'src', entry, 'index.ts'))
        .filter((file) => existsSync(file)),
      '--out',
      join(docs, 'public', 'api'),
    ],
    { cwd: docs, encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`typedoc failed\n${stdout}\n${stderr}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await makeReference()
