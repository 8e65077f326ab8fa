/** The rooms of src/ (docs/map.md): imports go down only, and what browsers load has nothing of Node. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { importsOf, resolve, root, sources } from './sources.js'

/** The floors of the house from the top; rooms of one floor do not import each other. */
const floors = [
  ['cli'],
  ['index.ts'],
  ['models', 'classic', 'rl', 'graph'],
  ['train'],
  ['text', 'audio', 'distributed'],
  ['nn', 'optim', 'data', 'vision', 'stats', 'plot'],
  ['io'],
  ['linalg', 'fft', 'masked', 'special'],
  ['tensor'],
  ['autograd'],
  ['compile'],
  ['ops'],
  ['backends'],
  ['core'],
]
const roomOf = (file: string) => file.split('/')[0]!
const floorOf = (room: string) => floors.findIndex((rooms) => rooms.includes(room))

test('every folder of src/ has its floor', () => {
  for (const room of new Set(sources.map(roomOf))) expect(floorOf(room), room).toBeGreaterThan(-1)
})

describe('imports go down only', () => {
  test.each(sources)('%s', (file) => {
    const room = roomOf(file)
    for (const { name } of importsOf(file)) {
      if (!name.startsWith('.')) continue
      const to = resolve(file, name)
      expect(sources, `${file} imports ${name}`).toContain(to)
      const target = roomOf(to)
      if (target === room) continue
      const why = floorOf(target) === floorOf(room) ? 'a sibling' : 'a room above'
      expect(floorOf(target) > floorOf(room), `${file} imports ${to}, of ${why}`).toBe(true)
    }
  })
})

test('no file is reached from itself: what each file needs is there when it runs', () => {
  const done = new Set<string>()
  const visit = (file: string, way: readonly string[]): void => {
    const from = way.indexOf(file)
    if (from >= 0) expect.fail(`a circle: ${[...way.slice(from), file].join(' -> ')}`)
    if (done.has(file)) return
    for (const { name, typeOnly } of importsOf(file))
      if (!typeOnly && name.startsWith('.')) visit(resolve(file, name), [...way, file])
    done.add(file)
  }
  for (const file of sources) visit(file, [])
})

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, { default: string }>
  imports: Record<string, { default: string }>
}
const sourceOf = (built: string) => built.replace('./dist/', '').replace(/\.js$/, '.ts')

/** Everything that an entry loads where there is no Node, and what it takes from outside of src/. */
function reached(entry: string): { files: Set<string>; outside: Map<string, string> } {
  const files = new Set<string>()
  const outside = new Map<string, string>()
  const visit = (file: string) => {
    if (files.has(file)) return
    files.add(file)
    for (const { name, typeOnly } of importsOf(file)) {
      if (typeOnly) continue
      if (name.startsWith('.')) visit(resolve(file, name))
      else if (name.startsWith('#')) visit(sourceOf(manifest.imports[name]!.default))
      else outside.set(name, file)
    }
  }
  visit(entry)
  return { files, outside }
}

describe('what browsers load has nothing of Node', () => {
  /** Entries for Node alone. */
  const nodeOnly: Record<string, string> = {
    './recipe': 'what the command line offers to recipes',
    './distributed': 'several processes, by MPI',
  }
  /** The core comes without any package; the others may have some that run in browsers. */
  const bare = ['.', './linalg', './fft', './masked', './special', './nn', './optim']
  const entries = Object.entries(manifest.exports).flatMap(([name, { default: file }]) =>
    file && !(name in nodeOnly) ? [[name, sourceOf(file)] as const] : [],
  )
  test.each(entries)('%s', (name, entry) => {
    for (const [what, file] of reached(entry).outside) {
      expect(what.startsWith('node:'), `${name}: ${file} imports ${what}`).toBe(false)
      expect(bare, `${name}: ${file} imports ${what}`).not.toContain(name)
    }
  })
})
