import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageCatalog } from 'nabla/text'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'nabla-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A catalogue as msgfmt writes it. */
function catalogue(pairs: [string, string][], little = true): Buffer {
  const texts = [0, 1].map((side) => pairs.map((pair) => Buffer.from(pair[side]!)))
  const tables = 28 + 16 * pairs.length
  const bytes = Buffer.alloc(tables)
  const put = (at: number, n: number): void => {
    if (little) bytes.writeUInt32LE(n, at)
    else bytes.writeUInt32BE(n, at)
  }
  ;[0x950412de, 0, pairs.length, 28, 28 + 8 * pairs.length, 0, 0].forEach((n, i) => {
    put(4 * i, n)
  })
  let at = tables
  const parts: Buffer[] = []
  texts.flat().forEach((text, i) => {
    put(28 + 8 * i, text.length)
    put(32 + 8 * i, at)
    parts.push(text, Buffer.from([0]))
    at += text.length + 1
  })
  return Buffer.concat([bytes, ...parts])
}
const path = join(folder, 'a.mo')
const pairs: [string, string][] = [
  ['', 'Language: zh_CN\n'],
  ['menu\x04~Save', '保存(~S)'],
  ['%d file\0%d files', '%d 个文件'],
  ['Open', '打开\0打开们'],
]

test.each([true, false])('messages with their contexts, little-endian %s', (little) => {
  writeFileSync(path, catalogue(pairs, little))
  expect(messageCatalog(path)).toEqual([
    { context: 'menu', source: '~Save', target: '保存(~S)' },
    { context: '', source: '%d file', target: '%d 个文件' },
    { context: '', source: 'Open', target: '打开' },
  ])
})

test('what is no catalogue, or damaged, is refused by name', () => {
  const whole = catalogue(pairs)
  const refused: [Buffer, string][] = [
    [Buffer.from('msgid "a"\nmsgstr "b"\n and more'), 'be a compiled catalogue'],
    [Buffer.alloc(0), 'be a compiled catalogue'],
    [whole.subarray(0, 40), 'hold its tables'],
    [whole.subarray(0, whole.length - 9), 'hold its texts'],
  ]
  for (const [bytes, words] of refused) {
    writeFileSync(path, bytes)
    expect(() => messageCatalog(path)).toThrow(words)
    expect(() => messageCatalog(path)).toThrow(path)
  }
  expect(() => messageCatalog(join(folder, 'none.mo'))).toThrow('none.mo')
})
