/** Laws over the table of layers: shapes, parameters, gradients, saving, modes, compiling, learning, errors. */
import { compile, gradients, manualSeed, NablaError, noGrad, setBackend, type Tensor } from 'nabla'
import { parseSafetensors, serializeSafetensors } from 'nabla/io'
import * as nn from 'nabla/nn'
import * as optim from 'nabla/optim'
import { beforeEach, describe, expect, test } from 'vitest'
import * as losses from '../../src/nn/losses.js'
import { isFloat } from '../../src/core/dtype.js'
import { exempt, type LayerEntry, layers, tensorsOf } from './layers.js'
import { maker } from './make.js'
import { fastBackends } from './table.js'

type Runnable = nn.Module & { forward(...inputs: unknown[]): unknown }
const made = (e: LayerEntry, seed = 1): Runnable => {
  manualSeed(seed)
  return e.make() as Runnable
}
const numbers = (t: Tensor) => [...(t.toTypedArray() as Iterable<number>)]
/** The tensors of a run with the generator at a seed. */
const run = (m: Runnable, inputs: unknown[], seed = 3): Tensor[] => {
  manualSeed(seed)
  return tensorsOf(m.forward(...inputs))
}
const floats = (list: unknown[]) => list.flatMap(tensorsOf).filter((t) => isFloat(t.dtype))

function expectSame(got: Tensor[], want: Tensor[], what: string, tolerance = 1e-5): void {
  expect(got.length, `${what}: how many tensors`).toBe(want.length)
  got.forEach((g, i) => {
    expect(g.shape, `${what}: shape of ${i}`).toEqual(want[i]!.shape)
    const w = numbers(want[i]!)
    const scale = Math.max(1, ...w.map(Math.abs))
    numbers(g).forEach((v, j) => {
      const ok = Object.is(v, w[j]) || Math.abs(v - w[j]!) <= tolerance * scale
      expect(ok, `${what}: tensor ${i}[${j}] is ${v}, expected ${w[j]}`).toBe(true)
    })
  })
}

/** A number that every element of every float result takes part in. */
function scalarOf(outputs: Tensor[]): Tensor {
  const parts = outputs.filter((t) => isFloat(t.dtype) && t.requiresGrad)
  return parts.map((t, k) => t.mul(maker(k + 11).float(t.shape)).sum()).reduce((a, b) => a.add(b))
}

/** Outputs, gradients of inputs and parameters, and buffers after one training call. */
function everything(m: Runnable, inputs: unknown[], compiled: boolean): Tensor[] {
  const leaves = floats(inputs)
  for (const t of leaves) t.requiresGrad = true
  const body = (...args: unknown[]) => {
    const outputs = tensorsOf(m.forward(...args))
    const wanted = [...floats(args), ...m.parameters()].filter((t) => t.requiresGrad)
    const grads = wanted.length > 0 ? gradients(scalarOf(outputs), wanted) : []
    return [...outputs, ...grads.filter((g) => g !== null)]
  }
  const call = compiled ? compile(body) : body
  manualSeed(3)
  return [...call(...inputs), ...m.namedBuffers().map(([, t]) => t)]
}

test('every module class of nabla/nn has an entry', () => {
  const classes = Object.entries(nn).filter(
    ([name, value]) =>
      typeof value === 'function' && value.prototype instanceof nn.Module && !(name in losses),
  )
  expect(classes.length).toBeGreaterThan(100)
  const missing = classes.map(([name]) => name).filter((name) => !layers[name] && !exempt[name])
  expect(missing).toEqual([])
})

const cases = Object.entries(layers).flatMap(([name, e]) =>
  (Array.isArray(e) ? e : [e]).map((entry, i) => [`${name} ${i + 1}`, name, entry] as const),
)

describe.each(cases)('%s', (_title, name, entry) => {
  const inputs = (seed = 5) => entry.inputs(maker(seed))
  beforeEach(() => {
    setBackend(fastBackends[0]!)
  })

  test('has its class, output shape and number of parameters', () => {
    const m = made(entry)
    expect(m.constructor.name).toBe(name)
    expect(m).toBeInstanceOf((nn as unknown as Record<string, new () => unknown>)[name]!)
    expect(run(m, inputs())[0]!.shape).toEqual(entry.output)
    expect(m.parameterCount()).toBe(entry.parameters)
    expect(`${m}`.startsWith(`${name}(`)).toBe(true)
  })

  test('the gradient reaches every parameter and float input', () => {
    const m = made(entry)
    const args = inputs()
    const leaves = floats(args)
    for (const t of leaves) t.requiresGrad = true
    const wanted = [
      ...m.namedParameters().filter(([n]) => !entry.unreached?.[n]),
      ...leaves.map((t, i) => [`input ${i}`, t] as [string, Tensor]),
    ]
    for (const [n] of Object.entries(entry.unreached ?? {}))
      expect(Object.fromEntries(m.namedParameters())[n]?.requiresGrad, n).toBe(false)
    if (wanted.length === 0) return
    const grads = gradients(
      scalarOf(run(m, args)),
      wanted.map(([, t]) => t),
    )
    wanted.forEach(([n], i) => {
      expect(grads[i], `a gradient of ${n}`).not.toBeNull()
      expect(
        numbers(grads[i]!).some((v) => v !== 0 && Number.isFinite(v)),
        n,
      ).toBe(true)
    })
  })

  test('saved and loaded it gives the same', () => {
    const m = made(entry)
    // Running statistics that are not the first ones.
    run(m, inputs())
    m.eval()
    const { tensors } = parseSafetensors(serializeSafetensors(m.stateDict()))
    const other = made(entry, 2).eval() as Runnable
    other.loadStateDict(tensors)
    expectSame(run(other, inputs(6)), run(m, inputs(6)), 'loaded', 0)
  })

  test('training and evaluation', () => {
    const m = made(entry)
    expect(m.training).toBe(true)
    const first = run(m, inputs())
    expectSame(run(m, inputs()), first, 'the same seed', entry.statistics ? 1e-4 : 0)
    const same = (a: Tensor[], b: Tensor[]) =>
      a.every((t, i) => numbers(t).every((v, j) => Math.abs(v - numbers(b[i]!)[j]!) < 1e-7))
    expect(same(run(m, inputs(), 4), first), 'two seeds give the same').toBe(!entry.random)
    m.eval()
    for (const part of m.modules()) expect(part.training).toBe(false)
    const evaluated = run(m, inputs())
    expectSame(run(m, inputs(), 4), evaluated, 'evaluation is not random', 0)
    expect(same(evaluated, first), 'evaluation is training').toBe(
      !(entry.random || entry.statistics),
    )
  })

  test.each([true, false])('compiled it is the same, training %s', (training) => {
    const [a, b] = [made(entry).train(training), made(entry).train(training)] as Runnable[]
    const eager = everything(a!, inputs(), false)
    expectSame(everything(b!, inputs(), true), eager, 'compiled')
  })

  test.each(['reference', 'wasm'] as const)('native gives what %s gives', (backend) => {
    const want = everything(made(entry), inputs(), true)
    setBackend(backend)
    expectSame(everything(made(entry), inputs(), true), want, backend, 3e-5)
  })

  test('one step of training lowers the loss', () => {
    const m = made(entry)
    if (m.parameters().every((p) => !p.requiresGrad)) return
    const args = inputs()
    const targets = noGrad(() => run(m, args)).map((t, k) => maker(k + 7).float(t.shape))
    const loss = () =>
      run(m, args)
        .map((t, k) => t.sub(targets[k]!).square().mean())
        .reduce((a, b) => a.add(b))
    const before = loss()
    before.backward()
    new optim.SGD(m.parameters(), { lr: 1e-3 }).step()
    expect(loss().item()).toBeLessThan(before.item())
  })

  test('an error names the path to it', () => {
    class Net extends nn.Module {
      inner = new nn.ModuleList([made(entry)])
      override forward(...args: unknown[]): unknown {
        return this.inner.at(0).forward(...args)
      }
    }
    if (name === 'Identity') return
    const net = new Net()
    const bad = entry.bad!(maker(5))
    let error: unknown
    try {
      tensorsOf(net.forward(...bad)).map(numbers)
    } catch (e) {
      error = e
    }
    expect(error).toBeInstanceOf(NablaError)
    expect((error as Error).message).toMatch(/^Net\.inner\.0[.:]/)
  })
})
