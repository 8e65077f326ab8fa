/** The pages of nabla studio, in Node: texts in both languages, programs that run, training that reaches what it says. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setBackend, setNumThreads } from 'nabla'
import { describe, expect, test, vi } from 'vitest'
import { programText } from '../../studio/engine/program.js'
import type { Model, Session } from '../../studio/engine/session.js'
import type { AnyPage } from '../../studio/page.js'
import { pages, topics } from '../../studio/pages.js'
import { defaults, fromLink, isChoice, isRange, toLink } from '../../studio/settings.js'
import { childrenOf, family } from '../../studio/views/familyTree.js'
import { course } from '../../docs/.vitepress/pages.mjs'
import { root } from '../rules/sources.js'
import { results } from './results.js'
import { shown } from './shown.js'
import { tools } from './site.js'

const folder = join(root, 'studio')
const read = (file: string) => readFileSync(join(folder, file), 'utf8')
const definition = async (id: string) =>
  ((await import(`../../studio/pages/${id}.tsx`)) as { default: AnyPage }).default

async function session(id: string, settings: object): Promise<Session<object>> {
  const { create } = (await import(`../../studio/pages/${id}.model.ts`)) as Model<object, object>
  return create(settings, tools)
}

const frameOf = (s: Session<object>) => ({ ...s.fixed, ...s.frame() }) as never

const chinese = /[\u4e00-\u9fff]/
function expectTexts([en, zh]: readonly string[], where: string): void {
  expect(en!.trim(), where).not.toBe('')
  expect(zh!.trim(), where).not.toBe('')
  expect(chinese.test(en!), `${where}: ${en}`).toBe(false)
  // Names and symbols are the same in both.
  if (en !== zh) expect(chinese.test(zh!), `${where}: ${zh}`).toBe(true)
}

describe('texts', () => {
  test('every pair of every source has both languages', () => {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((f) =>
      /\.tsx?$/.test(f),
    )
    let found = 0
    for (const file of files)
      for (const [, en, zh] of read(file).matchAll(
        /\[\s*(?:'((?:[^'\\]|\\.)+)'|"[^"]+"),\s*'((?:[^'\\\n]|\\.)*[\u4e00-\u9fff](?:[^'\\\n]|\\.)*)',?\s*\]/g,
      )) {
        found++
        if (en !== undefined) expectTexts([en, zh!], file)
      }
    expect(found).toBeGreaterThan(50)
  })
  test('what many pages say is written in one place', () => {
    const where = new Map<string, Set<string>>()
    for (const { id } of pages)
      for (const [pair] of read(`pages/${id}.tsx`).matchAll(/\['[^'\n]+', '[^'\n]+'\]/g))
        where.set(pair, (where.get(pair) ?? new Set()).add(id))
    const most = [...where].sort(([, a], [, b]) => b.size - a.size)[0]!
    expect(most[1].size, most[0]).toBeLessThanOrEqual(8)
  })
  test('no text stands in the markup, where it would have one language only', () => {
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((f) =>
      f.endsWith('.tsx'),
    ))
      for (const [, text] of read(file).matchAll(
        /<(?:p|h\d|span|button|label|summary|li|strong|dt)[^>{]*>\s*([A-Z][a-z]+ [a-z][^<{]*)</g,
      ))
        expect(text, file).toBe('')
  })
  test.each(pages.map((p) => p.id))('%s', async (id) => {
    const page = await definition(id)
    expectTexts(page.intro, id)
    for (const talk of [page, ...Object.values(page.parts?.of ?? {})]) {
      expectTexts(talk.question, id)
      expectTexts(talk.answer, id)
      expect(talk.formula).not.toBe('')
    }
    if (page.parts) {
      const { options, value } = page.schema[page.parts.by] as { options: object; value: string }
      // The first part is the page's own.
      expect([value, ...Object.keys(page.parts.of)]).toEqual(Object.keys(options))
    }
    for (const [name, s] of Object.entries(page.schema)) {
      expectTexts(s.label, `${id}.${name}`)
      if (isChoice(s) && !Array.isArray(s.options))
        for (const text of Object.values(s.options))
          if (Array.isArray(text)) expectTexts(text, `${id}.${name}`)
    }
    expect(page.torch.length).toBeGreaterThan(0)
  })
  test('topics and pages', () => {
    for (const topic of topics) expectTexts(topic.title, topic.title[0])
    for (const { id, title, about, course: place } of pages) {
      expectTexts(title, id)
      expectTexts(about, id)
      expect(place.length, id).toBeGreaterThan(0)
      for (const one of place)
        expect(
          course.map(([file]) => file),
          id,
        ).toContain(one.split('?')[0])
    }
    expect(new Set(pages.map((p) => p.id)).size).toBe(pages.length)
  })
})

test('a page is its three files, and every such file belongs to a page', () => {
  const parts = ['.tsx', '.model.ts', '.program.js']
  const want = pages.flatMap(({ id }) => parts.map((part) => id + part)).sort()
  expect(readdirSync(join(folder, 'pages')).sort()).toEqual(want)
})

describe('links', () => {
  test.each(pages.map((p) => p.id))(
    '%s: every setting survives its link, and nonsense has its default',
    async (id) => {
      const { schema } = await definition(id)
      const values = defaults(schema)
      expect(fromLink(schema, new URLSearchParams(toLink(schema, values)))).toEqual(values)
      for (const [name, s] of Object.entries(schema)) {
        const other = isChoice(s)
          ? Array.isArray(s.options)
            ? s.options.at(-1)
            : Object.keys(s.options).at(-1)
          : isRange(s)
            ? s.max
            : typeof s.value === 'boolean'
              ? !s.value
              : s.value
        const changed = { ...values, [name]: other }
        expect(fromLink(schema, new URLSearchParams(toLink(schema, changed))), name).toEqual(
          changed,
        )
        for (const bad of [
          '',
          'nonsense',
          '1e999',
          '-99999',
          '{"a":1}',
          '[[[]]]',
          'NaN',
          '__proto__',
        ])
          expect(
            fromLink(schema, new URLSearchParams([[name, bad]]))[name],
            `${name}=${bad}`,
          ).toEqual(s.value)
      }
    },
  )
})

describe('the family tree', () => {
  const ids = family.map(({ id }) => id)
  test.each(family)(
    '$id has a page, is in nabla, and is younger than those it comes from',
    async (r) => {
      expectTexts(r.idea, r.id)
      expectTexts(r.name, r.id)
      expect(pages.map(({ id }) => id)).toContain(r.page)
      const [name, from] = r.code
      expect(Object.keys((await import(from)) as object)).toContain(name)
      for (const parent of r.from) {
        expect(ids).toContain(parent)
        expect(family.find(({ id }) => id === parent)!.year).toBeLessThanOrEqual(r.year)
      }
    },
  )
  test('every network is in the tree once', () => {
    expect(new Set(ids).size).toBe(ids.length)
    const walk = (id?: string): string[] => childrenOf(id).flatMap((r) => [r.id, ...walk(r.id)])
    expect(walk().sort()).toEqual([...ids].sort())
  })
})

const env = { ...process.env, NABLA_BACKEND: 'wasm', NABLA_THREADS: '1', NABLA_QUIET: '1' }
describe('the code of a page', () => {
  test.each(shown)(
    '$name runs in Node, and prints what the page computes',
    async ({ name, id, settings }) => {
      const { program } = await definition(id)
      const source = read(`pages/${id}.program.js`)
      expect(source.startsWith('// @ts-check\n')).toBe(true)
      expect(program).toBe(source)
      const { stdout, stderr, status } = spawnSync(
        'node',
        ['--input-type=module', '-e', programText(source, settings as Record<string, unknown>)],
        { cwd: root, env, encoding: 'utf8' },
      )
      expect(stderr).toBe('')
      expect(status).toBe(0)
      expect(stdout).not.toMatch(/NaN|undefined/)
      // The same bits as what the worker computes, by WebAssembly here.
      setBackend('wasm')
      setNumThreads(1)
      const printed: string[] = []
      const log = vi
        .spyOn(console, 'log')
        .mockImplementation((...line) => void printed.push(line.join(' ')))
      try {
        const module = (await import(`../../studio/pages/${id}.program.js`)) as {
          main(s: object): unknown
        }
        await module.main(settings)
      } finally {
        log.mockRestore()
      }
      const numbers = (text: string) => text.match(/-?\d+(\.\d+)?(e[-+]?\d+)?/g)
      expect(numbers(printed.join('\n'))).toEqual(numbers(stdout))
      const { steps, printed: value } = results[name]!
      const s = await session(id, settings)
      s.advance?.(steps ?? 0)
      if (value) for (const text of [value(frameOf(s))].flat()) expect(stdout).toContain(`${text}`)
    },
    60_000,
  )
})

describe('training', () => {
  test.each(shown)(
    '$name reaches its result',
    async ({ name, id, settings: usual }) => {
      setBackend('wasm')
      setNumThreads(1)
      for (const { settings = {}, steps, is } of results[name]!.reaches) {
        const s = await session(id, { ...usual, ...settings })
        if (steps) s.advance!(steps)
        expect(is(frameOf(s)), `${name} ${JSON.stringify(settings)}`).toBe(true)
      }
    },
    120_000,
  )
})

test('the studio is in the package, and its engine is not in it twice', () => {
  expect(existsSync(join(root, 'dist/studio/index.html'))).toBe(true)
  const assets = readdirSync(join(root, 'dist/studio/assets'))
  expect(assets.filter((f) => f.endsWith('.wasm'))).toEqual([])
  const worker = assets.find((f) => /^worker.*\.js$/.test(f))!
  expect(readFileSync(join(root, 'dist/studio/assets', worker), 'utf8')).toContain(
    '../nabla/browser/nabla.js',
  )
})

describe('trained weights', () => {
  // Every page that trains a network; what it drew before and what it learned from is not in the weights.
  const keeps = ['autoencoder', 'cartpole', 'classes', 'digits', 'embeddings', 'gan', 'karate', 'language-model', 'lenet', 'playground', 'recurrent', 'seq2seq', 'transformer'] // biome-ignore format: a line
  const drawn = (s: Session<object>) => {
    const { history, loss, losses, progress, ...rest } = frameOf(s) as Record<string, unknown>
    return rest
  }
  test.each(keeps)('%s draws the same from opened weights', async (id) => {
    const { schema } = await definition(id)
    const settings = defaults(schema)
    const [taught, fresh] = [await session(id, settings), await session(id, settings)]
    taught.advance!(2)
    expect(drawn(fresh)).not.toEqual(drawn(taught))
    fresh.model!.loadStateDict(taught.model!.stateDict())
    fresh.opened?.()
    taught.opened?.()
    expect(drawn(fresh)).toEqual(drawn(taught))
  })
})
