/** Every operation against PyTorch, on every backend: the cases of the topics whose names begin with `ops_`. */
import { readdirSync, readFileSync } from 'node:fs'
import * as nabla from 'nabla'
import { type BackendName, gradients, setBackend, type Tensor } from 'nabla'
import { beforeAll, describe, expect, test } from 'vitest'
import { tensorsIn } from '../laws/make.js'
import { backends, isFloat, tested } from '../laws/table.js'
import { exempt, provedElsewhere, within } from './exempt.js'
import { type Case, expectClose, golden, revive } from './fixture.js'

const cases = readdirSync(new URL('./data', import.meta.url))
  .filter((f) => f.startsWith('ops_'))
  .flatMap((f) => golden(f.replace('.json', '')) as (Case & { op: string })[])
type Fn = (...args: unknown[]) => Tensor | Tensor[]
const functions = nabla as unknown as Record<string, Fn>

/** What a generator wrote; see `case` in common.py. */
interface OpCase {
  op: string
  args: unknown[]
  /** A function, and its arguments, that is done to the first argument before. */
  first?: [string, ...unknown[]]
  out: Tensor | Tensor[]
  cts?: (Tensor | null)[]
  /** By float input; text where no gradient was asked for. */
  grads?: (Tensor | null | string)[]
}

describe.each<BackendName>(backends)('%s gives what PyTorch gives', (b) => {
  beforeAll(() => setBackend(b))

  test.each(cases)('$name', (c) => {
    const { op, args, first, out, cts = [], grads = [] } = revive(c) as OpCase
    const leaves = tensorsIn(args).filter((t) => isFloat(t.dtype))
    const asked = leaves.filter((_, i) => i < grads.length && typeof grads[i] !== 'string')
    for (const t of asked) t.requiresGrad = true
    if (first) args[0] = functions[first[0]]!(args[0], ...first.slice(1))
    const got = functions[op]!(...args)
    expect(Array.isArray(got), 'gives a list').toBe(Array.isArray(out))
    const [have, want] = [[got].flat(), [out].flat()]
    expect(have.length).toBe(want.length)
    want.forEach((w, i) => {
      expect(have[i]!.dtype, `dtype of result ${i}`).toBe(w.dtype)
      expectClose(have[i]!, w, 1e-5, `result ${i}`)
    })
    if (asked.length === 0) return
    const roots = have.filter((_, i) => cts[i])
    const found = gradients(
      roots,
      asked,
      cts.filter((t) => t !== null),
    )
    grads
      .filter((g) => typeof g !== 'string')
      .forEach((w, i) => {
        // PyTorch says None and nabla null for an input that the result does not depend on.
        if (w && found[i]) expectClose(found[i]!, w, 2e-5, `gradient ${i}`)
        else expect(found[i] ?? null, `gradient ${i}`).toBe(w)
      })
  })
})

describe('no operation goes without golden numbers', () => {
  const proved = new Set(cases.map((c) => c.op))
  const recorded = new Set<string>()
  // PyTorch's own records have what the map calls; see tests/opinfo.
  const map = new URL('../opinfo/map/', import.meta.url)
  for (const file of readdirSync(map))
    for (const [, name] of readFileSync(new URL(file, map), 'utf8').matchAll(
      /\b(?:nabla|linalg|fft|masked|special)\.(\w+)/g,
    ))
      recorded.add(name!)
  const excused = (name: string) =>
    recorded.has(name) || name in exempt || name in provedElsewhere || name in within

  test.each([...tested.keys()])('%s', (name) => {
    const publicName = name === 'var' ? 'variance' : name
    expect(proved.has(publicName) || excused(name), `cases for ${name} in topics/ops_*.py`).toBe(
      true,
    )
  })
  test('nor a public function of tensors', () => {
    const missing = Object.entries(nabla)
      .filter(([name, f]) => typeof f === 'function' && /^[a-z]/.test(name))
      .map(([name]) => name)
      .filter((name) => !proved.has(name) && !excused(name))
    expect(missing).toEqual([])
  })
  test('reasons are given for what exists and has none', () => {
    const known = new Set([...tested.keys(), ...Object.keys(nabla)])
    for (const name of [exempt, provedElsewhere, within].flatMap(Object.keys)) {
      expect(known.has(name), `${name} exists`).toBe(true)
      expect(proved.has(name), `${name} has cases, so that it needs no excuse`).toBe(false)
    }
    for (const name of Object.values(within))
      expect(proved.has(name) || recorded.has(name), `${name} has cases`).toBe(true)
  })
})
