/** Fields of modules: every name is free, parts are found wherever they stand, results are no buffers. */
import { compile, matmul, noGrad, ones, type Tensor, tensor, zeros } from 'nabla'
import { parseSafetensors, serializeSafetensors } from 'nabla/io'
import * as nn from 'nabla/nn'
import { describe, expect, test } from 'vitest'

type Open = Record<string, unknown>
const dense = (module: nn.Module) => module.namedParameters().map(([name]) => name)

describe('every ordinary name is free', () => {
  /** Names that people give to what their models hold; and those of the methods that a walk must not depend on. */
  const names = [
    ...['mode', 'run', 'hooks', 'tensors', 'contents', 'options', 'name', 'state', 'buffers'],
    ...['layers', 'weights', 'path', 'index', 'config', 'value', 'places', 'checked', 'fields'],
    ...['children', 'items', 'keys', 'length', 'call', 'inside', 'held', 'watch', 'copy', 'id'],
    ...['parameters', 'modules', 'namedModules', 'namedChildren', 'describe', 'apply', 'training'],
  ]
  test.each(names)('%s as a layer, and as a plain value', (name) => {
    class Inner extends nn.Module {
      fc = new nn.Linear(2, 2)
      constructor(value: unknown) {
        super()
        Object.defineProperty(this, name, {
          value,
          enumerable: true,
          writable: true,
          configurable: true,
        })
      }
      override forward(x: Tensor): Tensor {
        const own = (this as unknown as Open)[name]
        return own instanceof nn.Linear ? own.forward(this.fc.forward(x)) : this.fc.forward(x)
      }
    }
    class Net extends nn.Module {
      inner: Inner
      constructor(value: unknown) {
        super()
        this.inner = new Inner(value)
      }
      override forward(x: Tensor): Tensor {
        return this.inner.forward(x)
      }
    }
    const net = new Net(new nn.Linear(2, 2))
    expect(net.parameters().length).toBe(4)
    net.eval()
    net.train()
    expect(net.forward(ones([1, 2])).shape).toEqual([1, 2])
    expect(compile((x: Tensor) => net.forward(x))(ones([1, 2])).shape).toEqual([1, 2])
    const other = new Net(new nn.Linear(2, 2))
    other.loadStateDict(parseSafetensors(serializeSafetensors(net.stateDict())).tensors)
    expect(other.forward(ones([1, 2])).toArray()).toEqual(net.forward(ones([1, 2])).toArray())
    for (const value of [3, 'text', [1, 2], null])
      expect(new Net(value).forward(ones([1, 2])).shape).toEqual([1, 2])
  })
})

describe('parts are found wherever they stand', () => {
  const linear = () => new nn.Linear(1, 1, false)
  class Net extends nn.Module {
    layers = [linear(), [linear()]]
    heads = { a: linear(), B: { deepPart: linear() } }
    byName = new Map<string, nn.Module>([['x', linear()]])
    set = new Set([linear()])
    scales = [new nn.Parameter(ones([1]))]
    selfAttn = linear()
    toQKV = linear()
    W = new nn.Parameter(ones([1]))
    empty = [1, 'a', null, undefined, new Map()]
    loop: unknown[] = []
    constructor() {
      super()
      this.loop.push(this.loop)
    }
    override forward(x: Tensor): Tensor {
      return this.heads.a.forward(x)
    }
  }
  test('with PyTorch names: fields in snake case, keys as they are', () => {
    expect(dense(new Net())).toEqual([
      'scales.0',
      'W',
      'layers.0.weight',
      'layers.1.0.weight',
      'heads.a.weight',
      'heads.B.deepPart.weight',
      'by_name.x.weight',
      'set.0.weight',
      'self_attn.weight',
      'to_qkv.weight',
    ])
  })
  test('train and eval reach all of them, and errors name the path', () => {
    const net = new Net().eval()
    expect(net.modules().every((m) => !m.training)).toBe(true)
    expect(() => net.forward(zeros([1, 2]))).toThrow(/^Net\.heads\.a: \[linear\]/)
  })
  test('two parts under one name are refused', () => {
    class Two extends nn.Module {
      runningMean = new nn.Parameter(ones([1]))
      running_mean = new nn.Parameter(ones([1]))
      override forward(): void {}
    }
    expect(() => new Two().stateDict()).toThrow(/a name of its own in saved files; got two called/)
  })
})

describe('what forward uses and the model cannot reach is refused at the first call', () => {
  const x = ones([1, 2])
  test('a module in a #private field', () => {
    class Net extends nn.Module {
      #fc = new nn.Linear(2, 2)
      override forward(t: Tensor): Tensor {
        return this.#fc.forward(t)
      }
    }
    expect(() => new Net().forward(x)).toThrow(/\[Net\] every module .* got a Linear in a #private/)
    expect(() => compile((t: Tensor) => new Net().forward(t))(x)).toThrow(/got a Linear/)
    expect(() => noGrad(() => new Net().forward(x))).toThrow(/got a Linear/)
  })
  test('a module in a closure, or in an object of another class', () => {
    const outside = new nn.Conv1d(2, 2, 1)
    class Closure extends nn.Module {
      override forward(t: Tensor): Tensor {
        return outside.forward(t)
      }
    }
    class Holder {
      fc = new nn.Linear(2, 2)
    }
    class Held extends nn.Module {
      holder = new Holder()
      override forward(t: Tensor): Tensor {
        return this.holder.fc.forward(t)
      }
    }
    expect(() => new Closure().forward(x)).toThrow(/got a Conv1d/)
    expect(() => new Held().forward(x)).toThrow(/\[Held\].* got a Linear/)
  })
  test('a parameter in a #private field, also deep in the model and compiled', () => {
    class Inner extends nn.Module {
      #weight = new nn.Parameter(ones([2, 2]))
      override forward(t: Tensor): Tensor {
        return matmul(t, this.#weight)
      }
    }
    class Net extends nn.Module {
      inner = new Inner()
      override forward(t: Tensor): Tensor {
        return this.inner.forward(t)
      }
    }
    expect(() => new Net().forward(x)).toThrow(/got a Parameter \[2, 2\]/)
    const net = new Net()
    expect(() => compile((t: Tensor) => net.forward(t))(x)).toThrow(/got a Parameter \[2, 2\]/)
  })
  test('what is given, frozen or without parameters may be used', () => {
    const teacher = new nn.Linear(2, 2).requireGrad(false)
    const shared = new nn.Linear(2, 2)
    class Net extends nn.Module {
      fc = new nn.Linear(2, 2)
      override forward(t: Tensor, other: nn.Linear, w: Tensor): Tensor {
        const y = new nn.ReLU().forward(teacher.forward(this.fc.forward(t)))
        return matmul(other.forward(y), w)
      }
    }
    const net = new Net()
    expect(net.forward(x, shared, shared.weight).shape).toEqual([1, 2])
    expect(net.forward(x, shared, shared.weight).shape).toEqual([1, 2])
  })
  test('dropout made in forward does not go on in evaluation', () => {
    class Net extends nn.Module {
      override forward(t: Tensor): Tensor {
        return new nn.Dropout(0.5).forward(t)
      }
    }
    const net = new Net()
    net.forward(x)
    expect(() => net.eval().forward(x)).toThrow(/got a Dropout/)
  })
})

test('the fields of a model are looked at once, not before each call, with gradients or without', () => {
  let looks = 0
  class Inner extends nn.Module {
    override forward(x: Tensor): Tensor {
      return x.mul(2)
    }
  }
  const other = new Inner()
  class Outer extends nn.Module {
    inner = new Inner()
    constructor() {
      super()
      Object.defineProperty(this, 'looked', { get: () => looks++, enumerable: true })
    }
    override forward(x: Tensor): Tensor {
      // Two that it holds no part of.
      return [this.inner, other].reduce((y, m) => m.forward(y) as Tensor, x)
    }
  }
  const model = new Outer()
  const calls = (): number => {
    looks = 0
    for (let i = 0; i < 3; i++) model.forward(ones([2]))
    return looks
  }
  for (const around of [noGrad, <T>(f: () => T) => f()]) {
    expect(around(calls)).toBeGreaterThan(0)
    expect(around(calls)).toBe(0)
  }
})

describe('buffers are registered, results are plain fields', () => {
  class Attention extends nn.Module {
    proj = new nn.Linear(2, 2)
    attentionScores: Tensor | null = null
    mask = this.registerBuffer('mask', ones([2]))
    scratch = this.registerBuffer('scratch', zeros([2]), { persistent: false })
    override forward(x: Tensor): Tensor {
      this.attentionScores = this.proj.forward(x).mul(this.mask)
      return this.attentionScores.add(this.scratch)
    }
  }
  test('a kept result is in no saved file, compiled or not', () => {
    const model = new Attention()
    const names = ['mask', 'proj.weight', 'proj.bias']
    expect(Object.keys(model.stateDict())).toEqual(names)
    model.forward(ones([1, 2]))
    compile((x: Tensor) => model.forward(x))(ones([1, 2]))
    expect(Object.keys(model.stateDict())).toEqual(names)
    expect(model.namedBuffers().map(([n]) => n)).toEqual(['mask', 'scratch'])
    const bytes = serializeSafetensors(model.stateDict())
    new Attention().loadStateDict(parseSafetensors(bytes).tensors)
  })
  test('buffers move with the module, whether they are saved or not', () => {
    const model = new Attention().to('reference')
    expect(model.namedBuffers().map(([, t]) => t.backend.name)).toEqual(['reference', 'reference'])
  })
  test('names and values that cannot be buffers are refused', () => {
    const model = new Attention() as nn.Module
    expect(() => model.registerBuffer('forward', ones([1]))).toThrow(/not that of a method/)
    expect(() => model.registerBuffer('a.b', ones([1]))).toThrow(/without dots/)
    expect(() => model.registerBuffer('a', 5 as never)).toThrow(/a must be a tensor or null/)
    expect(() => model.registerBuffer('a', ones([1]), { save: false } as never)).toThrow(
      /the options are persistent; got save/,
    )
    expect(model.registerBuffer('none', null)).toBeNull()
    expect(model.registerParameter('w_l0', new nn.Parameter(ones([1]))).size).toBe(1)
    expect(dense(model)).toContain('w_l0')
  })
  test('a buffer that is replaced stays one', () => {
    const model = new Attention()
    model.mask = tensor([3, 4])
    expect(model.stateDict().mask!.toArray()).toEqual([3, 4])
  })
})
