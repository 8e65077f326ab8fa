/** Work of the host in the middle of programs: prints in their order, copies that come later, the same on every backend. */
import {
  type BackendName,
  compile,
  debugPrint,
  hostCall,
  ones,
  setBackend,
  sum,
  type Tensor,
  tensor,
  zeros,
} from 'nabla'
import { beforeEach, describe, expect, test } from 'vitest'

/** Copies its inputs when it is waited for; `events` tells when what happened. */
const delayed = (events: string[], name = 'copy') => ({
  name,
  start(
    inputs: readonly { data(): ArrayLike<number> }[],
    outputs: readonly { data(): { set(from: ArrayLike<number>): void } }[],
  ) {
    events.push(`start ${name}`)
    return () => {
      events.push(`wait ${name}`)
      for (const [i, x] of inputs.entries()) outputs[i]!.data().set(x.data())
    }
  },
})
type Starts = Parameters<typeof hostCall>[0]['start']
type HostArray = Parameters<Starts>[0][number]
const copyOf = (x: Tensor, events: string[], name?: string) =>
  hostCall(delayed(events, name), [x], [{ shape: x.shape, dtype: x.dtype }])[0]!

describe.each<BackendName>(['reference', 'native', 'wasm'])('on %s', (backend) => {
  beforeEach(() => setBackend(backend))

  test('inputs and outputs lie together when the call asks for it', () => {
    const layouts: number[][] = []
    /** Doubles a bucket as one array, as a sum over processes would. */
    const bucket = {
      name: 'bucket',
      together: true,
      start(inputs: readonly HostArray[], outputs: readonly HostArray[]) {
        const whole = (list: readonly HostArray[]) => {
          const parts = list.map((x) => x.data() as Float32Array)
          const ends = parts.map((p) => p.byteOffset + p.byteLength)
          parts.slice(1).forEach((p, i) => {
            expect(p.buffer).toBe(parts[0]!.buffer)
            expect(p.byteOffset).toBe(ends[i])
          })
          const length = (ends[ends.length - 1]! - parts[0]!.byteOffset) / 4
          return new Float32Array(parts[0]!.buffer, parts[0]!.byteOffset, length)
        }
        return () => {
          const [x, y] = [whole(inputs), whole(outputs)]
          layouts.push(inputs.map((p) => p.data().length))
          y.set(x.map((v) => 2 * v))
        }
      },
    } as const
    const kept = zeros([3])
    const step = (x: Tensor, w: Tensor) => {
      // One computed, a part of one, an input as it is, the same once more.
      const a = x.mul(3)
      const inputs = [a, a.narrow(0, 1, 2), w, w]
      const gives = inputs.map(({ shape, dtype }) => ({ shape, dtype }))
      const [p, q, r, s] = hostCall(bucket, inputs, gives) as [Tensor, Tensor, Tensor, Tensor]
      kept.assign(p)
      return [sum(p), q, r.add(s)]
    }
    const compiled = compile(step)
    for (const f of [step, compiled, compiled]) {
      const [p, q, rs] = f(tensor([1, 2, 3]), tensor([5])) as [Tensor, Tensor, Tensor]
      expect([p.item(), q.toArray(), rs.toArray()]).toEqual([36, [12, 18], [20]])
      expect(kept.toArray()).toEqual([6, 12, 18])
      kept.assign(zeros([3]))
    }
    expect(layouts).toEqual([1, 2, 3].map(() => [3, 2, 1, 1]))
  })

  test('a print shows the values of each run, in the order of the program', () => {
    const lines: string[] = []
    const write = (text: string) => lines.push(text)
    const weight = ones([2])
    const step = (x: Tensor) => {
      debugPrint(x, 'x', write)
      const y = debugPrint(x.mul(weight), 'y', write)
      weight.assign(weight.add(1))
      debugPrint(weight, 'weight', write)
      return sum(y)
    }
    const expected = (x: string, y: string, w: string) => [
      `x: tensor([${x}])`,
      `y: tensor([${y}])`,
      `weight: tensor([${w}])`,
    ]
    const compiled = compile(step)
    expect(compiled(tensor([1, 2])).item()).toBe(3)
    expect(compiled(tensor([3, 4])).item()).toBe(14)
    expect(step(tensor([5, 6])).item()).toBe(33)
    expect(lines).toEqual([
      ...expected('1., 2.', '1., 2.', '2., 2.'),
      ...expected('3., 4.', '6., 8.', '3., 3.'),
      ...expected('5., 6.', '15., 18.', '4., 4.'),
    ])
    expect(compiled.traces).toBe(1)
  })

  test('a print is made though nobody reads anything else', () => {
    const lines: string[] = []
    const f = compile((x: Tensor) => {
      debugPrint(x.neg(), '', (text) => lines.push(text))
      debugPrint(x.neg(), '', (text) => lines.push(text))
    })
    f(tensor([1]))
    expect(lines).toEqual(['tensor([-1.])', 'tensor([-1.])'])
  })

  test('a delayed copy has the values by the time that they are read', () => {
    const events: string[] = []
    const total = zeros([])
    const step = (x: Tensor) => {
      const y = copyOf(x.mul(2), events)
      const other = sum(x.exp())
      total.assign(total.add(sum(y)))
      return [y.add(1), other]
    }
    const compiled = compile(step)
    for (const values of [
      [1, 2],
      [3, 4],
    ]) {
      const [y, other] = compiled(tensor(values))
      const [wanted, wantedOther] = step(tensor(values))
      expect(y!.toArray()).toEqual(wanted!.toArray())
      expect(other!.item()).toBeCloseTo(wantedOther!.item(), 4)
    }
    expect(total.item()).toBe(2 * (6 + 14))
    expect(events).toEqual(new Array(4).fill(['start copy', 'wait copy']).flat())
  })

  test('results of several shapes and types, given back and assigned', () => {
    const box = zeros([2])
    const call = {
      name: 'parts',
      start(
        [x]: readonly { data(): ArrayLike<number> }[],
        outputs: readonly { data(): { [i: number]: number | bigint } }[],
      ) {
        const [a, b] = [x!.data()[0]!, x!.data()[1]!]
        outputs[0]!.data()[0] = a
        outputs[1]!.data()[0] = Math.round(b)
        outputs[2]!.data()[0] = a + b
        outputs[2]!.data()[1] = a - b
      },
    }
    const step = (x: Tensor) => {
      const [a, b, c] = hostCall(
        call,
        [x],
        [
          { shape: [], dtype: 'float32' },
          { shape: [1], dtype: 'int32' },
          { shape: [2], dtype: 'float32' },
        ],
      )
      box.assign(c!)
      return [a!, b!.add(1)]
    }
    for (const f of [step, compile(step)]) {
      const [a, b] = f(
        tensor([
          [5, 9],
          [7, 9],
        ])
          .t()
          .select(0, 0),
      )
      expect([a!.item(), b!.toArray(), box.toArray()]).toEqual([5, [8], [12, -2]])
    }
  })
})

describe('between its start and its wait', () => {
  beforeEach(() => setBackend('native'))
  test('runs what does not depend on it', () => {
    const w = ones([8, 8])
    const step = compile((x: Tensor) => {
      const y = copyOf(x.matmul(w), [], 'reduce')
      const z = x.exp().matmul(w)
      return y.add(z)
    })
    step(ones([8, 8]))
    const lines = step.explain().split('\n')
    const at = (text: string) => lines.findIndex((line) => line.includes(text))
    const [start, wait] = [at('host start reduce'), at('host wait reduce')]
    expect(start).toBeGreaterThan(0)
    const between = lines.slice(start + 1, wait).join('\n')
    expect(between).toMatch(/exp/)
    expect(between).toMatch(/matmul/)
    expect(lines.slice(wait).join('\n')).toMatch(/add/)
  })

  test('what it reads stays as it is', () => {
    const x = ones([4])
    const step = compile(() => {
      const y = copyOf(x, [])
      x.assign(x.mul(10))
      return y.add(0.5)
    })
    expect(step().toArray()).toEqual([1.5, 1.5, 1.5, 1.5])
    expect(step().toArray()).toEqual([10.5, 10.5, 10.5, 10.5])
    expect(x.toArray()).toEqual([100, 100, 100, 100])
  })
})
