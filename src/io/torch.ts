/**
 * Files of PyTorch (.pt, .pth, .bin): a ZIP archive of a pickle and the storages of its tensors, and the format before
 * PyTorch 1.6, pickles one after the other. Nothing of a file is run; see pickle.ts.
 * https://pytorch.org/docs/stable/notes/serialization.html
 */
import { readBytes } from '#host'
import { FileError, show } from '../core/errors.js'
import { grouped } from '../core/text.js'
import { type LimitOptions, limitOf, MAX_BYTES, requireRoom } from '../core/limits.js'
import { checkOptions } from '../core/options.js'
import { readZip } from '../core/zip.js'
import { bytesOf } from '../core/dtype.js'
import { Tensor } from '../ops/tensor.js'
import {
  bytesOfKind,
  dtypeOfKind,
  type ElementKind,
  gather,
  numberOf,
  numpyKinds,
  tensorOf,
} from './elements.js'
import {
  brief,
  Callable,
  checkPlain,
  isDict,
  type PickleHost,
  put,
  unpickle,
  type Work,
} from './pickle.js'

/** What a file of PyTorch holds: dictionaries as objects, lists, tuples and sets as arrays. */
export type TorchValue =
  | Tensor
  | Uint8Array
  | string
  | number
  | bigint
  | boolean
  | null
  | TorchValue[]
  | { [name: string]: TorchValue }

const SAVE = 'Save the tensors alone, in Python: torch.save(model.state_dict(), path).'
/** The first pickle of a file before PyTorch 1.6. */
const MAGIC = 0x1950a86a20f9469cfc6cn
/** Names under which programs keep the state dict of their model, the likeliest first. */
const usual = [
  'model_state_dict',
  'state_dict',
  'model',
  'module',
  'net',
  'network',
  'weights',
  'params',
]

const types: Record<string, ElementKind> = {
  float64: 'f64',
  float32: 'f32',
  float16: 'f16',
  bfloat16: 'bf16',
  int64: 'i64',
  int32: 'i32',
  int16: 'i16',
  int8: 'i8',
  uint64: 'u64',
  uint32: 'u32',
  uint16: 'u16',
  uint8: 'u8',
  bool: 'bool',
}
const storages: Record<string, ElementKind> = {
  Double: 'f64',
  Float: 'f32',
  Half: 'f16',
  BFloat16: 'bf16',
  Long: 'i64',
  Int: 'i32',
  Short: 'i16',
  Char: 'i8',
  Byte: 'u8',
  Bool: 'bool',
  Untyped: 'u8',
}

/** A type of storages. */
class StorageType {
  readonly kind: ElementKind
  constructor(kind: ElementKind) {
    this.kind = kind
  }
}
/** A storage that tensors look into; without bytes while a first reading finds where they lie. */
class Storage {
  readonly key: string
  readonly kind: ElementKind
  readonly count: number
  readonly bytes: Uint8Array | undefined
  constructor(key: string, kind: ElementKind, count: number, bytes: Uint8Array | undefined) {
    this.key = key
    this.kind = kind
    this.count = count
    this.bytes = bytes
  }
}
/** A type of NumPy, of which single numbers are read. */
class NumpyType {
  little = true
  readonly kind: ElementKind
  constructor(kind: ElementKind) {
    this.kind = kind
  }
}

const isCount = (n: unknown): n is number =>
  typeof n === 'number' && Number.isSafeInteger(n) && n >= 0
const isCounts = (v: unknown): v is number[] =>
  Array.isArray(v) && v.length <= 64 && v.every(isCount)
const own = <T>(table: Record<string, T>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined

/** A file that was read. */
export class TorchFile {
  /** All that the file holds. */
  readonly value: TorchValue
  readonly name: string
  constructor(value: TorchValue, name: string) {
    this.value = value
    this.name = name
  }
  /**
   * The tensors of a model by their names: those of the dictionary `key` (`'generator'`, `'ema.model'`). Without a key the
   * file itself, when it is a state dict; else its dictionary of tensors by a usual name (model_state_dict, state_dict,
   * model and others), or the only one.
   * @throws FileError that lists what there is
   */
  stateDict(key?: string): Record<string, Tensor> {
    if (key !== undefined) {
      const found = at(this.value, key)
      if (isStateDict(found, true)) return found
      return this.#fail(`${brief(key)} must be a dictionary of tensors`)
    }
    if (isStateDict(this.value)) return this.value
    for (const name of usual) {
      const inner = at(this.value, name)
      if (isStateDict(inner)) return inner
      for (const again of usual) {
        const deep = at(inner, again)
        if (isStateDict(deep)) return deep
      }
    }
    const all = isDict(this.value) ? Object.values(this.value).filter((v) => isStateDict(v)) : []
    if (all.length === 1) return all[0] as Record<string, Tensor>
    return this.#fail('the state dict of one model must be in the file, or be named')
  }
  /** The same as `stateDict()`. @throws FileError when there is none, or more than one */
  get tensors(): Record<string, Tensor> {
    return this.stateDict()
  }
  #fail(rule: string): never {
    const { value } = this
    const names = isDict(value) ? Object.keys(value) : []
    const shown = names.slice(0, 8).map((n) => `${brief(n)} (${kindOf(value, n)})`)
    throw new FileError({
      op: this.name,
      rule,
      got: isDict(value)
        ? `${shown.join(', ') || 'an empty dictionary'}${names.length > 8 ? ` and ${names.length - 8} more` : ''}`
        : value instanceof Tensor
          ? 'one tensor'
          : 'no dictionary',
      fix: 'Call stateDict(name) with a name of the file, or take what you need from value.',
    })
  }
}
function kindOf(value: unknown, name: string): string {
  const v = at(value, name, false)
  if (v instanceof Tensor) return 'tensor'
  if (isStateDict(v)) return 'tensors by name'
  if (Array.isArray(v)) return 'list'
  return isDict(v) ? 'dictionary' : typeof v
}
const isStateDict = (v: unknown, empty = false): v is Record<string, Tensor> =>
  isDict(v) &&
  (empty || Object.keys(v).length > 0) &&
  Object.values(v).every((t) => t instanceof Tensor)
/** What lies at a path of names; a name may have dots itself. */
function at(value: unknown, path: string, deep = true): unknown {
  if (!isDict(value)) return undefined
  if (Object.hasOwn(value, path)) return value[path]
  const dot = path.indexOf('.')
  return deep && dot > 0 ? at(at(value, path.slice(0, dot), false), path.slice(dot + 1)) : undefined
}

/** One reading of a pickle: what the names of PyTorch become. */
class Reader implements PickleHost {
  readonly fix = SAVE
  #spent = 0
  readonly #limit: number
  /** The same view twice is the same tensor, as in PyTorch tied weights are. */
  readonly #made = new Map<string, Tensor>()
  readonly #names: Record<string, unknown>

  readonly op: string
  /** The bytes of a storage; undefined in a first reading. */
  readonly bytesOf: (key: string, kind: ElementKind, count: number) => Uint8Array | undefined
  readonly little: boolean
  constructor(
    op: string,
    maxBytes: number,
    bytesOf: (key: string, kind: ElementKind, count: number) => Uint8Array | undefined,
    little: boolean,
  ) {
    this.op = op
    this.bytesOf = bytesOf
    this.little = little
    this.#limit = maxBytes
    this.#names = this.#table()
  }

  fail(rule: string, got: string, fix = 'Is the file truncated or damaged?'): never {
    throw new FileError({ op: this.op, rule, got, fix })
  }

  find(name: string): unknown {
    const known = own(this.#names, name)
    if (known !== undefined) return known
    const storage = /^torch\.(?:cuda\.|storage\._?)?(\w+)Storage$/.exec(name)
    const kind = storage && own(storages, storage[1]!)
    if (kind) return new StorageType(kind)
    const dtype = /^torch\.(\w+)$/.exec(name)
    if (dtype && own(types, dtype[1]!)) return name
    if (/^torch\.(Complex\w+Storage|complex\d+)$/.test(name))
      this.fail('tensors must be of real numbers', name, 'Save real and imaginary parts.')
    return undefined
  }

  persistent(id: unknown): Storage {
    if (!Array.isArray(id) || id.length < 5 || id[0] !== 'storage')
      return this.fail('a persistent id must be that of a storage', 'another')
    const [, type, key, , count, part] = id as unknown[]
    if (!(type instanceof StorageType) || typeof key !== 'string' || !isCount(count))
      return this.fail('a storage must have a type, a name and a size', 'others')
    const bytes = this.bytesOf(key, type.kind, count)
    if (part === undefined || part === null || !bytes)
      return new Storage(key, type.kind, count, bytes)
    // Before 1.6 a storage could be a part of another.
    const [name, offset, size] = Array.isArray(part) ? (part as unknown[]) : []
    if (!isCount(offset) || !isCount(size) || offset + size > count)
      return this.fail(`a part must lie within storage ${brief(key)}`, 'another place')
    const width = bytesOfKind(type.kind)
    const own = bytes.subarray(offset * width, (offset + size) * width)
    return new Storage(
      `${key}/${typeof name === 'string' ? name : ''}/${offset}`,
      type.kind,
      size,
      own,
    )
  }

  build(target: unknown, state: unknown): boolean {
    if (!(target instanceof NumpyType) || !Array.isArray(state)) return false
    target.little = state[1] !== '>'
    return true
  }

  #tensor(args: readonly unknown[], dtype?: unknown): Tensor | null {
    const [storage, offset, shape, strides] = args
    if (!(storage instanceof Storage)) return this.fail('a tensor must have a storage', 'none')
    if (
      !isCount(offset) ||
      !isCounts(shape) ||
      !isCounts(strides) ||
      shape.length !== strides.length
    )
      return this.fail(
        `a tensor of storage ${brief(storage.key)} must have an offset, and a stride for each axis, from 0 on`,
        'others',
      )
    const kind =
      dtype === undefined
        ? storage.kind
        : typeof dtype === 'string'
          ? own(types, dtype.replace('torch.', ''))
          : undefined
    if (!kind) return this.fail('the type of a tensor must be one of PyTorch', 'another')
    const width = bytesOfKind(kind)
    const room = Math.floor((storage.count * bytesOfKind(storage.kind)) / width)
    const size = shape.reduce((n, d) => n * d, 1)
    const last =
      size === 0 ? offset - 1 : shape.reduce((n, d, i) => n + (d - 1) * strides[i]!, offset)
    if (!(last < room))
      return this.fail(
        `a tensor of shape ${show(shape)} must lie within the ${grouped(room)} elements of storage ${brief(storage.key)}`,
        `offset ${offset}, strides ${show(strides)}`,
      )
    if (!storage.bytes) return null
    const place = [storage.key, kind, offset, shape, strides].join(':')
    const made = this.#made.get(place)
    if (made) return made
    this.#spent += size * bytesOf(dtypeOfKind(kind))
    requireRoom(this.op, `tensors up to one of shape ${show(shape)}`, this.#spent, this.#limit)
    const data = gather(storage.bytes, width, offset, shape, strides)
    const t = tensorOf(this.op, `storage ${brief(storage.key)}`, kind, data, shape, this.little)
    this.#made.set(place, t)
    return t
  }

  #table(): Record<string, unknown> {
    const dict = (args: readonly unknown[], work: Work) => {
      const out = {}
      const [from] = args
      const pairs = isDict(from) ? Object.entries(from) : (from ?? [])
      if (!Array.isArray(pairs)) return this.fail('a dictionary must be made of pairs', 'another')
      work.spend(pairs.length)
      for (const pair of pairs) {
        if (!Array.isArray(pair) || pair.length !== 2)
          return this.fail('a dictionary must be made of pairs', 'another')
        put(out, pair[0], pair[1], work)
      }
      return out
    }
    const list = ([from = []]: readonly unknown[], work: Work) => {
      if (!Array.isArray(from)) return this.fail('a list must be made of a list', 'another')
      work.spend(from.length)
      return [...from]
    }
    const first = ([value]: readonly unknown[]) => value
    /** The class of an argument that is not called. */
    const bare = () => this.fail('a tensor must have a storage', 'none')
    const numpyType = ([code]: readonly unknown[]) => {
      const kind =
        typeof code === 'string' ? own(numpyKinds, code.replace(/^[<>|=]/, '')) : undefined
      return kind
        ? new NumpyType(kind)
        : this.fail(
            'a number of NumPy must be real',
            typeof code === 'string' ? brief(code) : 'another',
          )
    }
    const scalar = ([type, data]: readonly unknown[]) => {
      if (!(type instanceof NumpyType) || !(data instanceof Uint8Array))
        return this.fail('a number of NumPy must have a type and bytes', 'others')
      const { kind, little } = type
      if (data.length !== bytesOfKind(kind))
        return this.fail(`a number of NumPy must have ${bytesOfKind(kind)} bytes`, `${data.length}`)
      const number = numberOf(kind, data, little)
      return kind === 'bool' ? number !== 0 : number
    }
    const encode = ([text, code]: readonly unknown[], work: Work) => {
      // How protocol 2 writes bytes.
      if (typeof text !== 'string' || code !== 'latin1')
        return this.fail('bytes must be written as latin1', 'another')
      work.spend(text.length)
      return Uint8Array.from(text, (c) => c.charCodeAt(0))
    }
    const fromType = ([f, , args]: readonly unknown[], work: Work) =>
      f instanceof Callable && Array.isArray(args)
        ? f.run(args, work)
        : this.fail('a tensor must be made by a known function', 'another')
    const table: Record<string, (args: readonly unknown[], work: Work) => unknown> = {
      'collections.OrderedDict': dict,
      'collections.Counter': dict,
      'builtins.set': list,
      '__builtin__.set': list,
      'torch.Size': list,
      'torch.device': ([kind, index]) =>
        typeof kind !== 'string'
          ? this.fail('a device must have a name', 'none')
          : isCount(index)
            ? `${kind}:${index}`
            : kind,
      'torch._utils._rebuild_tensor': (args) => this.#tensor(args),
      'torch._utils._rebuild_tensor_v2': (args) => this.#tensor(args),
      'torch._utils._rebuild_tensor_v3': (args) => this.#tensor(args, args[6] ?? null),
      'torch._utils._rebuild_parameter': first,
      'torch._utils._rebuild_parameter_with_state': first,
      'torch._tensor._rebuild_from_type_v2': fromType,
      'torch.Tensor': bare,
      'torch.nn.parameter.Parameter': bare,
      '_codecs.encode': encode,
      'numpy.dtype': numpyType,
      'numpy.core.multiarray.scalar': scalar,
      'numpy._core.multiarray.scalar': scalar,
    }
    return Object.fromEntries(
      Object.entries(table).map(([name, run]) => [name, new Callable(name, run)]),
    )
  }

  /** The value of the pickle at a place, which must be plain. */
  read(bytes: Uint8Array, from: number): { value: TorchValue; end: number } {
    const { value, end } = unpickle(bytes, from, this)
    const isLeaf = (v: object) => v instanceof Tensor || v instanceof Uint8Array
    checkPlain(value, isLeaf, (rule, got) => this.fail(rule, got, SAVE))
    if (value instanceof Callable)
      this.fail('a file must hold tensors and plain values', value.name)
    return { value: value as TorchValue, end }
  }
}

/** A file since PyTorch 1.6. */
function readArchive(bytes: Uint8Array, op: string, maxBytes: number): TorchValue {
  const files = new Map(readZip(bytes, op, maxBytes))
  const fail = (rule: string, got: string, fix = 'Is it a file of PyTorch?'): never => {
    throw new FileError({ op, rule, got, fix })
  }
  const [found, more] = [...files.keys()].filter((name) => /(^|\/)data\.pkl$/.test(name))
  if (found === undefined || more !== undefined)
    return fail('an archive of PyTorch has one data.pkl', found === undefined ? 'none' : 'several')
  const folder = found.slice(0, -'data.pkl'.length)
  if (files.has(`${folder}constants.pkl`))
    return fail('the file must hold tensors', 'a program of TorchScript', SAVE)
  const order =
    new TextDecoder().decode(files.get(`${folder}byteorder`)?.subarray(0, 10)) || 'little'
  if (order !== 'little' && order !== 'big')
    return fail('byteorder must be little or big', brief(order))
  const bytesOf = (key: string, kind: ElementKind, count: number) => {
    const data = files.get(`${folder}data/${key}`)
    const need = count * bytesOfKind(kind)
    if (!data || data.length < need)
      return fail(
        `storage ${brief(key)} must have ${grouped(need)} bytes`,
        data ? grouped(data.length) : 'none in the archive',
        'Is the file damaged?',
      )
    return data.subarray(0, need)
  }
  return new Reader(op, maxBytes, bytesOf, order === 'little').read(files.get(found)!, 0).value
}

/** A file before PyTorch 1.6: magic number, version, system, value, names of storages, then the storages. */
function readLegacy(bytes: Uint8Array, op: string, maxBytes: number): TorchValue {
  const sizes = new Map<string, { kind: ElementKind; count: number }>()
  const first = new Reader(
    op,
    maxBytes,
    (key, kind, count) => {
      const known = sizes.get(key)
      if (known && (known.kind !== kind || known.count !== count))
        first.fail(`storage ${brief(key)} must have one size`, 'two')
      sizes.set(key, { kind, count })
      return undefined
    },
    true,
  )
  const magic = first.read(bytes, 0)
  if (magic.value !== MAGIC)
    first.fail('a file of PyTorch begins with its own number', 'a pickle of something else', SAVE)
  const version = first.read(bytes, magic.end)
  if (version.value !== 1001) first.fail('the version must be 1001', 'another')
  const system = first.read(bytes, version.end)
  const little = at(system.value, 'little_endian') !== false
  const value = first.read(bytes, system.end)
  const keys = first.read(bytes, value.end)
  if (!Array.isArray(keys.value)) return first.fail('a list of storages must follow', 'none')
  const data = new Map<string, Uint8Array>()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let from = keys.end
  for (const key of keys.value) {
    const size = typeof key === 'string' ? sizes.get(key) : undefined
    if (typeof key !== 'string' || !size || data.has(key))
      return first.fail('each storage must be that of tensors', 'another')
    const need = size.count * bytesOfKind(size.kind)
    if (from + 8 + need > bytes.length || Number(view.getBigInt64(from, little)) !== size.count)
      return first.fail(`storage ${brief(key)} must have ${grouped(size.count)} elements`, 'others')
    data.set(key, bytes.subarray(from + 8, from + 8 + need))
    from += 8 + need
  }
  const bytesOf = (key: string) =>
    data.get(key) ?? first.fail('each storage must be there', brief(key))
  return new Reader(op, maxBytes, bytesOf, little).read(bytes, system.end).value
}

/**
 * What a file of PyTorch holds (torch.save: .pt, .pth, .bin). Nothing of it is run: it may ask for tensors, lists,
 * dictionaries and numbers, and anything else is refused by its name. Types are kept; int16 and uint16 become int32,
 * uint32 and uint64 int64. Views become tensors of their own numbers. The format before PyTorch 1.6 is read too.
 * `maxBytes` bounds the archive and the tensors: 1 GiB, or twice the file where that is more.
 * @throws FileError for another format, a damaged file, tensors outside of their storages, more than `maxBytes`, complex
 * and quantized tensors, TorchScript, and any class or function that is no part of tensors
 * @example
 * const bytes = Uint8Array.from(atob('gAKKCmz8nEb5IGqoUBkugAJN6QMugAJ9cQAugAJ9cQBYBQAAAGVwb2NocQFLAXMugAJdcQAu'), (c) => c.charCodeAt(0))
 * parseTorch(bytes).value.epoch // 1
 */
export function parseTorch(
  bytes: Uint8Array,
  options: LimitOptions & { name?: string } = {},
): TorchFile {
  const { name = 'torch', maxBytes = Math.max(MAX_BYTES, 2 * bytes.length) } = checkOptions(
    'parseTorch',
    options,
    ['maxBytes', 'name'],
  )
  const limit = limitOf('parseTorch', maxBytes)
  if (bytes[0] === 0x50 && bytes[1] === 0x4b)
    return new TorchFile(readArchive(bytes, name, limit), name)
  if (bytes[0] === 0x80) return new TorchFile(readLegacy(bytes, name, limit), name)
  throw new FileError({
    op: name,
    rule: 'a file of PyTorch begins with PK, or before PyTorch 1.6 with 0x80',
    got: bytes.length === 0 ? 'no bytes' : 'other bytes',
    fix: 'Is it safetensors (loadTensors), or a page that says the file is not there?',
  })
}

/**
 * Reads a file of PyTorch, in Node: `model.loadStateDict(loadTorch('model.pt').tensors)`.
 * @throws FileError as `parseTorch`
 */
export function loadTorch(path: string, options: LimitOptions = {}): TorchFile {
  const limit = checkOptions('loadTorch', options, ['maxBytes'])
  return parseTorch(readBytes(path), { ...limit, name: path })
}
