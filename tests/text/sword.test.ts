import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { swordVerses } from 'nabla/text'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'nabla-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A testament as the zText driver reads it: books are blocks of entries. */
function write(place: string, name: string, books: string[][]): void {
  const [blocks, verses, packed]: [Buffer[], Buffer[], Buffer[]] = [[], [], []]
  let at = 0
  books.forEach((entries, b) => {
    const texts = entries.map((text) => Buffer.from(text))
    let start = 0
    for (const text of texts) {
      const row = Buffer.alloc(10)
      row.writeUInt32LE(b, 0)
      row.writeUInt32LE(start, 4)
      row.writeUInt16LE(text.length, 8)
      verses.push(row)
      start += text.length
    }
    const bytes = deflateSync(Buffer.concat(texts))
    const row = Buffer.alloc(12)
    for (const [i, v] of [at, bytes.length, start].entries()) row.writeUInt32LE(v, 4 * i)
    blocks.push(row)
    packed.push(bytes)
    at += bytes.length
  })
  for (const [end, parts] of Object.entries({ s: blocks, v: verses, z: packed }))
    writeFileSync(join(place, `${name}.bz${end}`), Buffer.concat(parts))
}
const books = [
  [
    '',
    '<div canonical="true" osisID="Gen" sID="gen2" type="book"/> <title>Genesis</title>',
    '<chapter n="1" osisID="Gen.1" sID="Gen.1"/>',
    '<w lemma="strong:H7225">In the beginning</w><note n="1">or <w>at</w> first</note> was A &amp; B.',
    '¶ <title type="psalm">A song</title>She said:\n  «¡ya!» <chapter eID="Gen.1"/> <div eID="gen2" type="book"/>',
  ],
  ['', 'Otra línea.'],
]

test('verses are read by their place, without markup, notes and titles', () => {
  write(folder, 'ot', books)
  const verses = ['', '', '', 'In the beginning was A & B.', 'She said: «¡ya!»', '', 'Otra línea.']
  expect(swordVerses(folder)).toEqual(verses)
  write(folder, 'nt', [['', 'Fin.']])
  expect(swordVerses(folder)).toEqual([...verses, '', 'Fin.'])
})

test('missing and damaged files are refused by name', () => {
  const place = mkdtempSync(join(folder, 'bad-'))
  expect(() => swordVerses(place)).toThrow('sword-text-kjv')
  const damage = (end: string, change: (b: Buffer) => unknown, words: string) => {
    write(place, 'nt', books)
    const path = join(place, `nt.bz${end}`)
    const bytes = readFileSync(path)
    const other = change(bytes)
    writeFileSync(path, other instanceof Uint8Array ? other : bytes)
    expect(() => swordVerses(place)).toThrow(words)
  }
  damage('s', (b) => b.subarray(0, 13), 'entries of 12 bytes')
  damage('v', (b) => b.subarray(0, 13), 'entries of 10 bytes')
  damage('z', (b) => b.subarray(0, 20), 'name blocks of')
  damage('z', (b) => b.fill(7, 0, 8), 'whole blocks')
  // More than the table says.
  damage('s', (b) => b.writeUInt32LE(5, 8), 'whole blocks')
  damage('v', (b) => b.writeUInt32LE(9, 10), 'places in its blocks')
  damage('v', (b) => b.writeUInt32LE(4000, 34), 'places in its blocks')
})

const debian = '/usr/share/sword/modules/texts/ztext'
const bibles = ['engKJV2006eb', 'spaRV1909eb'].map((name) => join(debian, name))
test.skipIf(!bibles.every((b) => existsSync(b)) && !process.env.NABLA_TEST_REQUIRE_ALL)(
  'the verses of two Bibles are parallel',
  () => {
    const [english, spanish] = bibles.map(swordVerses) as [string[], string[]]
    const both = english.flatMap((text, i) => (text && spanish[i] ? [[text, spanish[i]]] : []))
    expect(both.length).toBe(31_084)
    expect(both[0]).toEqual([
      'In the beginning God created the heaven and the earth.',
      'EN el principio crió Dios los cielos y la tierra.',
    ])
    const find = (start: string) => both.find(([e]) => e!.startsWith(start))?.[1]
    expect(find('Jesus wept.')).toBe('Y lloró Jesús.')
    expect(both.some((pair) => pair.some((t) => /[<>¶]/.test(t!)))).toBe(false)
  },
)
