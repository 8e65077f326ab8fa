/** The suite over all records: one test an operator, and a count that may not fall. */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type BackendName, setBackend } from 'nabla'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Entry, layouts, type Mode, type Outcome, runCase } from './harness.js'
import { entryOf } from './map/index.js'
import { folder, type Record_, records } from './records.js'

const here = (file: string) => new URL(file, import.meta.url)
/** Cases that fail and wait to be mended, by suite and operator; only what is listed may fail, and as often as listed. */
const open = JSON.parse(readFileSync(here('open.json'), 'utf8')) as Record<
  string,
  Record<string, number>
>
/** How many cases pass at least, by suite. */
const floors = JSON.parse(readFileSync(here('floors.json'), 'utf8')) as Record<string, number>

interface Tally {
  pass: number
  fail: number
  missing: number
  excluded: number
  differs: number
}
const nothing = (): Tally => ({ pass: 0, fail: 0, missing: 0, excluded: 0, differs: 0 })

/** Writes down how it stands (OPINFO_UPDATE=1, one file at a time); the diff is then for a person to judge. */
function update(name: string, failing: Record<string, number>, pass: number): void {
  const write = (file: string, value: Record<string, unknown>) => {
    const sorted = Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    writeFileSync(here(file), `${JSON.stringify(sorted, null, 2)}\n`)
  }
  const listed = { ...open }
  delete listed[name]
  write('open.json', Object.keys(failing).length > 0 ? { ...listed, [name]: failing } : listed)
  write('floors.json', { ...floors, [name]: pass })
}

/** Every case of a record in one of the modes each, or in all of them where there are few. */
function* runs(record: Record_, modes: readonly Mode[]) {
  const all = record.cases.length <= 16
  for (const [i, c] of record.cases.entries())
    for (const [m, mode] of modes.entries()) if (all || i % modes.length === m) yield { i, c, mode }
}

export function suite(name: string, backend: BackendName, modes: readonly Mode[]): void {
  const list = records()
  const totals = nothing()
  const lines: string[] = []
  const failing: Record<string, number> = {}
  const only = process.env.OPINFO !== undefined

  describe(`PyTorch's records, ${name}`, () => {
    beforeAll(() => setBackend(backend))

    test.skipIf(list.length === 0).each(list)('$name', (record) => {
      const entry = entryOf(record.name)
      const tally = nothing()
      const wrong: string[] = []
      const reasons = new Map<string, number>()
      const took = performance.now()
      for (const { i, c, mode } of runs(record, modes)) {
        const outcome =
          entry && !('excluded' in entry) ? runCase(record, c, entry, mode) : undefined
        const status = outcome?.status ?? (entry ? 'excluded' : 'missing')
        tally[status]++
        if (status === 'fail') wrong.push(`${i} (${mode}): ${(outcome as { why: string }).why}`)
        else if (outcome && status !== 'pass') {
          const { why } = outcome as Outcome & { why: string }
          reasons.set(why, (reasons.get(why) ?? 0) + 1)
        }
      }
      for (const k of Object.keys(totals) as (keyof Tally)[]) totals[k] += tally[k]
      const counts = Object.entries(tally).filter(([, n]) => n > 0)
      lines.push(
        [
          record.name,
          ...counts.map(([k, n]) => `${k} ${n}`),
          ...(entry && 'excluded' in entry ? [entry.excluded] : []),
          ...[...reasons].map(([why, n]) => `${n}: ${why}`),
          ...wrong.slice(0, 2),
          `${Math.round(performance.now() - took)} ms`,
        ].join('  '),
      )
      if (wrong.length > 0) failing[record.name] = wrong.length
      if (process.env.OPINFO_UPDATE) return
      const expected = only ? 0 : (open[name]?.[record.name] ?? 0)
      if (wrong.length > expected)
        expect.fail(
          `${wrong.length} of ${record.cases.length} cases differ${expected ? ` (${expected} are listed in open.json)` : ''}:\n${wrong.slice(0, only ? 20 : 4).join('\n')}`,
        )
    })

    test.skipIf(list.length === 0 || only || Boolean(process.env.OPINFO_UPDATE))(
      'as many cases pass as before',
      () => {
        expect(totals.pass).toBeGreaterThanOrEqual(floors[name] ?? 0)
      },
    )

    afterAll(() => {
      if (list.length === 0) return
      const total = Object.values(totals).reduce((a, b) => a + b)
      const sum = Object.entries(totals).map(([k, n]) => `${n} ${k}`)
      const text = `PyTorch's records, ${name}: ${total} cases, ${sum.join(', ')}`
      mkdirSync(folder, { recursive: true })
      const file = `${folder}/${name.replaceAll(/\W+/g, '-')}.txt`
      writeFileSync(file, `${text}\n`)
      appendFileSync(file, `${lines.join('\n')}\n`)
      if (process.env.OPINFO_UPDATE) update(name, failing, totals.pass)
      console.log(`${text}; by operator: build/opinfo/${name.replaceAll(/\W+/g, '-')}.txt`)
    })
  })
}

/** All ways to lie in memory. */
export const views: readonly Mode[] = [...layouts.slice(1), 'expanded']
export type { Entry }
