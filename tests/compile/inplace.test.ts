/** Some elements of a captured tensor, changed inside of `compile`: as eagerly, and without touching the others. */
import {
  type BackendName,
  compile,
  expand,
  indexAdd,
  indexCopy,
  ones,
  scatter,
  setBackend,
  sum,
  type Tensor,
  tensor,
  zeros,
} from 'nabla'
import { beforeEach, describe, expect, test } from 'vitest'

const rows = (...values: number[]) => tensor(values.map((v) => [v, v + 0.5, v + 0.25]))
const at = (...values: number[]) => tensor(Int32Array.from(values))

/** What is done to a cache of [6, 3], and what is given back beside. */
const changes: Record<string, (cache: Tensor) => Tensor | undefined> = {
  'a row through a slice': (c) => c.slice([[2, 3]]).assign(rows(7)) && undefined,
  'a row through select': (c) => c.select(0, 4).assign(tensor([1, 2, 3])) && undefined,
  'a column': (c) => c.slice([null, [1, 2]]).assign(ones([6, 1])) && undefined,
  'a view of a view': (c) =>
    c
      .slice([[1, 4]])
      .t()
      .select(1, 2)
      .assign(tensor([7, 8, 9])) && undefined,
  'a part under another shape': (c) =>
    c.reshape([3, 2, 3]).select(0, 1).assign(rows(4, 5)) && undefined,
  'rows by index': (c) => c.assign(indexCopy(c, 0, at(5, 0), rows(1, 2))) && undefined,
  'rows added by index': (c) => c.assign(indexAdd(c, 0, at(5, 5), rows(1, 2))) && undefined,
  'elements by index': (c) =>
    c.assign(scatter(c, 0, expand(at(3).reshape([1, 1]), [1, 3]), rows(9))) && undefined,
  'several, one after the other': (c) => {
    c.slice([[0, 1]]).assign(rows(1))
    c.slice([[1, 2]]).assign(rows(2))
    c.assign(indexCopy(c, 0, at(2), rows(3)))
    c.slice([[3, 4]]).assign(c.slice([[2, 3]]).mul(2))
    return undefined
  },
  'a row that is a function of all': (c) => c.select(0, 1).assign(sum(c, 0)) && undefined,
  'rows that move up': (c) => c.slice([[0, 5]]).assign(c.slice([[1, 6]])) && undefined,
  'the value before is read': (c) => {
    const before = sum(c)
    c.select(0, 0).assign(tensor([1, 1, 1]))
    return before
  },
  'the value before is read last': (c) => {
    const before = c.mul(1)
    c.select(0, 0).assign(tensor([1, 1, 1]))
    return before.add(c)
  },
  'the value after is read': (c) => {
    c.select(0, 3).assign(tensor([1, 1, 1]))
    return sum(c.slice([[2, 5]]))
  },
  'and changed as a whole': (c) => {
    c.select(0, 3).assign(tensor([1, 1, 1]))
    c.assign(c.mul(3))
    return undefined
  },
}

describe.each<BackendName>(['reference', 'native', 'wasm'])('on %s', (backend) => {
  beforeEach(() => setBackend(backend))

  test.each(Object.entries(changes))('%s', (_, change) => {
    const start = () => rows(1, 2, 3, 4, 5, 6)
    const [eager, traced, argument] = [start(), start(), start()]
    const step = compile(() => change(traced))
    const given = compile((c: Tensor) => change(c))
    for (let i = 0; i < 3; i++) {
      const expected = change(eager)?.toArray()
      expect(step()?.toArray()).toEqual(expected)
      expect(given(argument)?.toArray()).toEqual(expected)
      expect(traced.toArray()).toEqual(eager.toArray())
      expect(argument.toArray()).toEqual(eager.toArray())
    }
  })

  test('views of two tensors that have one value are told apart', () => {
    const [x, y] = [rows(1, 2), rows(3, 4)]
    compile(() => {
      x.assign(y)
      x.select(0, 0).assign(tensor([0, 0, 0]))
    })()
    expect(x.toArray()).toEqual([
      [0, 0, 0],
      [4, 4.5, 4.25],
    ])
    expect(y.toArray()).toEqual(rows(3, 4).toArray())
  })

  test('a view of a result, or of a value that is gone, is refused', () => {
    const x = rows(1, 2)
    const part = (t: Tensor) => t.select(0, 0).assign(tensor([0, 0, 0]))
    expect(() => compile(() => part(x.mul(2)))()).toThrow(/\[assign\].* a view of a result/)
    const old = compile(() => {
      const view = x.select(0, 0)
      x.assign(x.mul(2))
      view.assign(tensor([0, 0, 0]))
    })
    expect(() => old()).toThrow(/before the tensor was changed/)
  })
})

describe('writing a row touches a row', () => {
  beforeEach(() => setBackend('native'))
  const explained = (n: number, change: (c: Tensor, row: Tensor, i: Tensor) => void) => {
    const cache = zeros([n, 512])
    const step = compile((row: Tensor, i: Tensor) => change(cache, row, i))
    step(ones([1, 512]), at(3))
    return step.explain()
  }
  test.each<[string, (c: Tensor, row: Tensor, i: Tensor) => void]>([
    ['slice', (c, row) => c.slice([[3, 4]]).assign(row)],
    ['indexCopy', (c, row, i) => c.assign(indexCopy(c, 0, i, row))],
    ['scatter', (c, row, i) => c.assign(scatter(c, 0, expand(i.reshape([1, 1]), [1, 512]), row))],
    [
      'one after the other',
      (c, row, i) => {
        c.slice([[3, 4]]).assign(row)
        c.assign(indexCopy(c, 0, i, row.mul(2)))
      },
    ],
  ])('%s', (_, change) => {
    const text = explained(4096, change)
    expect(text).toMatch(/in place/)
    expect(text).not.toMatch(/ MB /)
    // The same steps over the same bytes for a cache of any length.
    const steps = (lines: string) => lines.replaceAll(/ +/g, ' ').split('\n').slice(3)
    expect(steps(explained(32, change))).toEqual(steps(text.replaceAll('4096', '32')))
  })
})
