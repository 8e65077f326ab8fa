/** The documentation site: both languages are whole and say the same; every name that a page writes exists. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as nabla from 'nabla'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import * as text from 'nabla/text'
import { describe, expect, test } from 'vitest'
import { keras } from '../../docs/names/keras.mjs'
import { others } from '../../docs/names/pytorch.mjs'
import { course, guide } from '../../docs/.vitepress/pages.mjs'
import { promised } from '../../docs/scripts/run-code.mjs'
import { root } from '../rules/sources.js'

const docs = join(root, 'docs')
/** Every entry of the package but the core. */
const entries = Object.keys(
  (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object }).exports,
).flatMap((name) => (/^\.\/(?!package)/.test(name) ? [name.slice(2)] : []))
const rooms: Record<string, object> = Object.fromEntries(
  await Promise.all(entries.map(async (room) => [room, await import(`nabla/${room}`)])),
)
const names = new Set(Object.keys(nabla))
for (const [room, all] of Object.entries(rooms))
  for (const name of Object.keys(all)) {
    names.add(name)
    names.add(`${room}.${name}`)
  }
for (const type of [
  nabla.Tensor,
  nabla.Profile,
  nn.Module,
  optim.SGD,
  text.Tokenizer,
  text.WordVectors,
])
  for (let p = type.prototype; p !== Object.prototype; p = Object.getPrototypeOf(p))
    for (const name of Object.getOwnPropertyNames(p)) names.add(name)
for (const name of Object.keys(nn.init)) {
  names.add(`init.${name}`)
  names.add(`nn.init.${name}`)
}

const pages = [
  ...guide.map(([file]) => `guide/${file}.md`),
  ...course.map(([file]) => `course/${file}.md`),
]
const read = (file: string) => readFileSync(join(docs, file), 'utf8')
const included = (text: string) => [...text.matchAll(/^<<< @\/code\/(\S+?)\{/gm)].map((m) => m[1]!)
const pictures = (text: string) =>
  [...text.matchAll(/!\[[^\]]*\]\(\/pictures\/([^)]+)\)/g)].map((m) => m[1]!)
const programs = readdirSync(join(docs, 'code')).filter((f) => f.endsWith('.mjs'))

describe('pages', () => {
  test.each(['guide', 'course'])('every page of %s stands in the list', (folder) => {
    const listed = pages.filter((p) => p.startsWith(`${folder}/`)).map((p) => p.split('/')[1])
    for (const base of [folder, `zh/${folder}`])
      expect(readdirSync(join(docs, base)).sort()).toEqual([...listed].sort())
  })
  test.each(pages)('%s says the same in both languages', (page) => {
    const [en, zh] = [read(page), read(`zh/${page}`)]
    expect(included(zh)).toEqual(included(en))
    expect(pictures(zh)).toEqual(pictures(en))
    const heads = (text: string) => [...text.matchAll(/^(#+) /gm)].map((m) => m[1])
    expect(heads(zh)).toEqual(heads(en))
    // A page that was copied and not translated has hardly any Chinese in it.
    expect((zh.match(/[\u4e00-\u9fff]/g) ?? []).length).toBeGreaterThan(60)
    const rows = (text: string) => text.split('\n').filter((l) => l.startsWith('|')).length
    expect(rows(zh)).toBe(rows(en))
  })
  test.each(pages)('%s shows programs and pictures that exist', (page) => {
    for (const name of included(read(page))) {
      const [file, region] = name.split('#') as [string, string | undefined]
      expect(programs).toContain(file)
      if (region) expect(read(`code/${file}`)).toContain(`// #region ${region}\n`)
    }
    const written = programs.flatMap((f) =>
      [...read(`code/${f}`).matchAll(/pictures\/([\w.-]+)/g)].map((m) => m[1]),
    )
    for (const name of pictures(read(page))) expect(written).toContain(name)
  })
  test.each(pages)('%s names what exists', (page) => {
    const text = read(page)
      .replace(/```[\s\S]*?```/g, '')
      // Of a table, the first column is ours.
      .replace(/^(\|[^|\n]*)\|.*$/gm, '$1')
    for (const [, code] of text.matchAll(/`([^`\n]+)`/g))
      for (const [, , name] of code!.matchAll(/(^|[\s(>])(?:new )?((?:\w+\.)?[A-Za-z]\w+)\(/g)) {
        const [first, second] = name!.split('.')
        // A method of something.
        if (second && !(first! in rooms) && first !== 'init') continue
        if (['require', 'Date', 'Math', 'f', 'forward', 'console', 'URL'].includes(first!)) continue
        expect(names, `${name} in \`${code}\``).toContain(name)
      }
  })
})

describe('programs', () => {
  test.each(programs)('%s is shown by a page, and says what it prints', (file) => {
    const shown = pages.some((p) => included(read(p)).some((name) => name.split('#')[0] === file))
    expect(shown).toBe(true)
    expect(promised(read(`code/${file}`)).length).toBeGreaterThan(0)
  })
})

describe('names of other frameworks', () => {
  test.each(Object.entries(keras))('Keras: %s is %s', (_, name) => {
    expect(names).toContain(name)
  })
  test.each(Object.entries(others))('PyTorch: %s is %s', (_, name) => {
    expect(names).toContain(name)
  })
  test('the list of PyTorch names is whole', () => {
    const torch = JSON.parse(read('names/torch.json')) as Record<string, unknown[]>
    expect(torch['torch.nn']!.length).toBeGreaterThan(140)
    expect(torch.torch!.length).toBeGreaterThan(400)
    expect(existsSync(join(docs, 'names/dump_torch.py'))).toBe(true)
  })
})
