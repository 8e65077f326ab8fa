/** Names of PyTorch, NumPy and Keras that tensors do not have here: calling one says what to write. */
import { ValueError } from '../core/errors.js'
import { Tensor } from '../ops/tensor.js'

/** What to write in the place of a method. */
export const methodNames: { readonly [name: string]: string } = {
  view: 'x.reshape(shape)',
  view_as: 'x.reshape(other.shape)',
  viewAs: 'x.reshape(other.shape)',
  reshape_as: 'x.reshape(other.shape)',
  expand_as: 'x.expand(other.shape)',
  type_as: 'x.to(other.dtype)',
  dim: 'x.rank',
  ndim: 'x.rank',
  ndimension: 'x.rank',
  numel: 'x.size',
  nelement: 'x.size',
  numpy: 'x.toTypedArray() or x.toArray()',
  tolist: 'x.toArray()',
  cpu: "x.to('native') or x.to('wasm')",
  cuda: "x.to('native'): there is no CUDA here",
  double: "x.to('float64')",
  half: "x.to('float16')",
  bfloat16: "x.to('bfloat16')",
  long: "x.to('int64')",
  short: "x.to('int32')",
  byte: "x.to('uint8')",
  char: "x.to('int8')",
  astype: 'x.to(dtype)',
  toFixed: 'x.item().toFixed(digits)',
  forEach: 'x.toArray().forEach(f)',
  map: 'x.toArray().map(f), or an operation of tensors',
  copy: 'x.clone()',
  stride: 'x.strides',
  is_floating_point: "x.dtype.startsWith('float')",
  register_hook: 'gradients(loss, [x]) for the gradient of x',
  retain_grad: 'gradients(loss, [x]) for the gradient of x',
  type: 'x.dtype, or x.to(dtype)',
  mm: 'x.matmul(other)',
  bmm: 'x.matmul(other)',
  mv: 'x.matmul(other)',
  multiply: 'x.mul(other)',
  subtract: 'x.sub(other)',
  divide: 'x.div(other)',
  true_divide: 'x.div(other)',
  negative: 'x.neg()',
  absolute: 'x.abs()',
  greater: 'x.gt(other)',
  less: 'x.lt(other)',
  equal: 'x.allclose(other, { rtol: 0, atol: 0 }), or x.eq(other) element by element',
  concat: 'concat([x, other], axis)',
  cat: 'concat([x, other], axis)',
  stack: 'stack([x, other], axis)',
  einsum: "einsum('ij,jk->ik', x, other)",
  size_: 'x.shape[axis]',
  swapaxes: 'x.transpose(a, b)',
  requires_grad_: 'x.requireGrad()',
  copy_: 'x.assign(value)',
  fill_: 'x.assign(fullLike(x, value))',
  zero_: 'x.assign(zerosLike(x))',
  data_ptr: 'x.storage',
  is_contiguous: 'x.isContiguous',
  is_leaf: 'x.isLeaf',
  dataSync: 'x.toTypedArray()',
  arraySync: 'x.toArray()',
  data: 'x.read() (a promise) or x.toTypedArray()',
  array: 'x.toArray()',
  print: 'console.log(x)',
}

/** Properties, which a program reads without calling them. */
const propertyNames: { readonly [name: string]: string } = {
  T: 'x.transpose(0, 1)',
  mT: 'x.transpose(-2, -1)',
  H: 'x.transpose(0, 1)',
  is_cuda: 'x.backend',
  device: 'x.backend',
  grad_fn: 'x.gradNode',
}

const snake = (name: string) => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)

function absent(name: string, instead: string): void {
  if (name in Tensor.prototype) return
  Object.defineProperty(Tensor.prototype, name, {
    configurable: true,
    writable: true,
    value() {
      throw new ValueError({
        op: name,
        rule: `tensors have no method ${name} here`,
        fix: `Write ${instead}.`,
      })
    },
  })
}

/** To be called when tensors have all of their methods. */
export function defineAbsent(): void {
  for (const [name, instead] of Object.entries(methodNames)) absent(name, instead)
  for (const [name, instead] of Object.entries(propertyNames))
    if (!(name in Tensor.prototype))
      Object.defineProperty(Tensor.prototype, name, {
        configurable: true,
        get() {
          throw new ValueError({
            op: name,
            rule: `tensors have no property ${name} here`,
            fix: `Write ${instead}.`,
          })
        },
      })
  // Python's spelling of each method, and the form that changes its tensor.
  for (const name of Object.getOwnPropertyNames(Tensor.prototype)) {
    const own = Object.getOwnPropertyDescriptor(Tensor.prototype, name)!
    if (typeof own.value !== 'function' || name === 'constructor' || name in methodNames) continue
    if (snake(name) !== name) absent(snake(name), `x.${name}(..)`)
    absent(`${snake(name)}_`, `x.assign(x.${name}(..)), or x = x.${name}(..)`)
  }
}

declare module '../ops/tensor.js' {
  interface Tensor {
    /** @deprecated PyTorch's name: `x.reshape(shape)`. */
    view(...args: never[]): never
    /** @deprecated PyTorch's name: `x.reshape(other.shape)`. */
    view_as(...args: never[]): never
    /** @deprecated PyTorch's name: `x.expand(other.shape)`. */
    expand_as(...args: never[]): never
    /** @deprecated PyTorch's name: `x.rank`. */
    dim(...args: never[]): never
    /** @deprecated PyTorch's name: `x.size`. */
    numel(...args: never[]): never
    /** @deprecated PyTorch's name: `x.toTypedArray()` or `x.toArray()`. */
    numpy(...args: never[]): never
    /** @deprecated PyTorch's name: `x.toArray()`. */
    tolist(...args: never[]): never
    /** @deprecated `x.to('native')` or `x.to('wasm')` says where a tensor is. */
    cpu(...args: never[]): never
    /** @deprecated There is no CUDA here: `x.to('native')`. */
    cuda(...args: never[]): never
    /** @deprecated PyTorch's name: `x.to('int64')`. */
    long(...args: never[]): never
    /** @deprecated PyTorch's name: `x.to('float64')`. */
    double(...args: never[]): never
    /** @deprecated PyTorch's name: `x.matmul(other)`. */
    mm(...args: never[]): never
    /** @deprecated PyTorch's name: `x.matmul(other)`. */
    bmm(...args: never[]): never
  }
}
