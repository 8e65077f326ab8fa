/** The examples of docstrings run, and give the numbers that stand after `//`. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as audio from 'nabla/audio'
import * as classic from 'nabla/classic'
import * as distributed from 'nabla/distributed'
import * as data from 'nabla/data'
import * as io from 'nabla/io'
import * as graph from 'nabla/graph'
import * as models from 'nabla/models'
import * as fft from 'nabla/fft'
import * as linalg from 'nabla/linalg'
import * as masked from 'nabla/masked'
import * as nn from 'nabla/nn'
import * as special from 'nabla/special'
import * as nabla from 'nabla'
import * as optim from 'nabla/optim'
import * as plot from 'nabla/plot'
import * as rl from 'nabla/rl'
import * as stats from 'nabla/stats'
import * as text from 'nabla/text'
import * as train from 'nabla/train'
import * as vision from 'nabla/vision'
import { beforeEach, describe, expect, test } from 'vitest'
import { sources, src } from './sources.js'

/** What an example may name: everything public, and the entries by their names. */
const scope: Record<string, unknown> = {
  ...audio,
  ...rl,
  ...graph,
  ...io,
  ...plot,
  ...data,
  ...classic,
  ...distributed,
  ...vision,
  ...text,
  ...models,
  ...train,
  ...optim,
  ...nn,
  ...nabla,
  audio,
  classic,
  data,
  distributed,
  fft,
  graph,
  linalg,
  masked,
  special,
  stats,
  text,
  vision,
  models,
  nn,
  optim,
  rl,
  train,
  nabla,
}

interface Example {
  file: string
  line: number
  code: string
  result: string
}

/** `@example CODE // RESULT`, on one line or with the code on the lines before it. */
function examplesOf(file: string): Example[] {
  const found: Example[] = []
  const lines = readFileSync(join(src, file), 'utf8').split('\n')
  lines.forEach((text, i) => {
    const start = /@example\s*(.*)$/.exec(text)
    if (!start) return
    let code = start[1]!.replace(/\s*\*\/\s*$/, '')
    for (let k = i + 1; !text.includes('*/') && k < lines.length; k++) {
      const more = /^\s*\* ?(?!@|\/)(.*)$/.exec(lines[k]!.replace(/\s*\*\/\s*$/, ''))
      if (!more || /^\s*\*\//.test(lines[k]!)) break
      code += `\n${more[1]}`
      if (lines[k]!.includes('*/')) break
    }
    code = code.trim()
    const cut = code.lastIndexOf('//')
    found.push({
      file,
      line: i + 1,
      code: (cut < 0 ? code : code.slice(0, cut)).trim(),
      result: cut < 0 ? '' : code.slice(cut + 2).trim(),
    })
  })
  return found
}

/** Those without a result show how a thing is used with things that they do not make. */
const examples = sources
  .flatMap(examplesOf)
  .filter(({ result }) => result !== '')
  // Several processes are of Node alone: a tensor of the files for browsers is none of theirs.
  .filter(
    ({ file }) => process.env.NABLA_TEST_DIST !== 'browser' || !file.startsWith('distributed/'),
  )

/** Tensors as nested lists, in any tree. */
function plain(value: unknown): unknown {
  if (value instanceof nabla.Tensor) return plain(value.toArray())
  if (Array.isArray(value)) return value.map(plain)
  if (ArrayBuffer.isView(value)) return [...(value as Float32Array)]
  return value
}

/** Equal, numbers to the digits that are written. */
function expectLike(got: unknown, want: unknown): void {
  if (typeof want === 'number' && typeof got === 'number') {
    if (Object.is(got, want)) return
    expect(Math.abs(got - want)).toBeLessThanOrEqual(1e-4 * Math.max(1, Math.abs(want)))
  } else if (Array.isArray(want) && Array.isArray(got)) {
    expect(got.length, `length of ${JSON.stringify(got)}`).toBe(want.length)
    want.forEach((w, i) => {
      expectLike(got[i], w)
    })
  } else expect(got).toEqual(want)
}

/** Names of the entry that the file belongs to come first: two entries may have functions of one name. */
const evaluate = (code: string, file: string): unknown => {
  const entry = scope[file.split('/')[0]!]
  const own = Object.entries(typeof entry === 'object' ? entry! : {})
  const names: Record<string, unknown> = {
    ...scope,
    // `fft` is the entry, and not its function.
    ...Object.fromEntries(own.filter(([name]) => typeof scope[name] !== 'object')),
  }
  delete names.default
  const lines = code
    .split(/\n|;/)
    .map((l) => l.trim())
    .filter(Boolean)
  const body = [...lines.slice(0, -1), `return ${lines.at(-1)}`].join('\n')
  // In a block, so that an example may have a variable of an entry's name.
  return new Function(...Object.keys(names), `{\n${body}\n}`)(...Object.values(names))
}

describe('examples of docstrings', () => {
  beforeEach(() => {
    nabla.setBackend('reference')
    nabla.manualSeed(0)
  })
  test.each(examples)('$file:$line $code', ({ file, code, result }) => {
    expectLike(plain(evaluate(code, file)), plain(evaluate(`(${result})`, file)))
  })
})
