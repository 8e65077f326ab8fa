/**
 * Python's pickle, as far as files of data need it: https://docs.python.org/3/library/pickletools.html. Pickle is a small
 * language whose programs can call any function of Python. Here nothing is looked up or run: a name that the reader does
 * not know is refused, and the known ones only put numbers, lists and dictionaries together.
 */
import { FileError } from '../core/errors.js'

/** A name of Python that a file may ask for, and what the reader makes of its arguments. */
export class Callable {
  readonly name: string
  readonly run: (args: readonly unknown[], work: Work) => unknown
  constructor(name: string, run: (args: readonly unknown[], work: Work) => unknown) {
    this.name = name
    this.run = run
  }
}

export interface PickleHost {
  /** What names the file in errors. */
  op: string
  /** What stands for a name of Python (`module.name`); undefined refuses it. */
  find(name: string): unknown
  /** What stands behind a persistent id. */
  persistent(id: unknown): unknown
  /** Sets the state of an object; whether it could. */
  build(target: unknown, state: unknown): boolean
  /** What to do about a name that was refused. */
  fix: string
}

/** Keeps count of what a file makes the reader copy: a few bytes can ask for the same large value again and again. */
export interface Work {
  fail(rule: string, got: string, fix?: string): never
  spend(items: number): void
}

/** Lists within lists. */
const MAX_DEPTH = 100
/** Bytes of a whole number; PyTorch's own magic number has 10. */
const MAX_LONG = 64
const utf8 = new TextDecoder()

/** Puts a value into a dictionary by any name, `__proto__` too. @throws FileError when the name is there */
export function put(to: object, key: unknown, value: unknown, work: Work): void {
  const name = keyOf(key, work)
  if (Object.hasOwn(to, name))
    work.fail('the names of a dictionary must differ when written as text', `${name} twice`)
  Object.defineProperty(to, name, { value, enumerable: true, writable: true, configurable: true })
}
function keyOf(key: unknown, work: Work): string {
  if (typeof key === 'string') return key
  if (key === null) return 'None'
  if (typeof key === 'boolean') return key ? 'True' : 'False'
  if (typeof key === 'number' || typeof key === 'bigint') return `${key}`
  return work.fail('a dictionary must have names or numbers as keys', kindOf(key))
}
export const isDict = (v: unknown): v is Record<string, unknown> =>
  typeof v === 'object' && v !== null && Object.getPrototypeOf(v) === Object.prototype
const kindOf = (v: unknown): string =>
  v instanceof Callable
    ? v.name
    : v === null
      ? 'None'
      : Array.isArray(v)
        ? 'a list'
        : isDict(v)
          ? 'a dictionary'
          : typeof v === 'object'
            ? 'an object'
            : typeof v

/** Text of a file in a message: short and on one line. */
export const brief = (text: string): string =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text).slice(1, -1)

/**
 * The value of the pickle that begins at `start`, and where it ends.
 * @throws FileError for a name that the host does not know, operations that no file of data needs, and damage
 */
export function unpickle(
  bytes: Uint8Array,
  start: number,
  host: PickleHost,
): { value: unknown; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const stack: unknown[] = []
  const marks: number[] = []
  const memo = new Map<number, unknown>()
  let at = start
  let left = bytes.length

  const fail = (rule: string, got: string, fix = 'Is the file truncated or damaged?'): never => {
    throw new FileError({ op: host.op, rule, got, fix })
  }
  const work: Work = {
    fail,
    spend(items) {
      left -= items
      if (left < 0) fail('a pickle must not copy more than it has written', `byte ${at}`)
    },
  }
  /** Where the next `n` bytes lie. */
  const take = (n: number): number => {
    if (n > bytes.length - at) fail('a pickle must be whole', `the end at byte ${bytes.length}`)
    at += n
    return at - n
  }
  const u1 = () => view.getUint8(take(1))
  const u4 = () => view.getUint32(take(4), true)
  const u8 = () => Number(view.getBigUint64(take(8), true))
  const raw = (n: number) => {
    const from = take(n)
    return bytes.subarray(from, from + n)
  }
  const text = (n: number) => utf8.decode(raw(n))
  const line = () => {
    const end = bytes.indexOf(10, at)
    if (end < 0 || end - at > 1000) fail('a name must end with its line', `byte ${at}`)
    const name = text(end - at)
    at = end + 1
    return name
  }
  const long = (n: number): number | bigint => {
    if (n > MAX_LONG) fail(`whole numbers may have ${MAX_LONG} bytes`, `${n}`)
    let v = 0n
    const digits = raw(n)
    for (let i = n - 1; i >= 0; i--) v = (v << 8n) | BigInt(digits[i]!)
    v = BigInt.asIntN(Math.max(8 * n, 1), v)
    return Number.isSafeInteger(Number(v)) ? Number(v) : v
  }
  const pop = (): unknown => {
    if (stack.length <= (marks.at(-1) ?? 0))
      fail('a pickle must not take more than it put', `byte ${at}`)
    return stack.pop()
  }
  const top = (): unknown => {
    if (stack.length <= (marks.at(-1) ?? 0))
      fail('a pickle must not take more than it put', `byte ${at}`)
    return stack.at(-1)
  }
  const popMark = (): unknown[] => {
    const from = marks.pop()
    return from === undefined
      ? fail('a pickle must set a mark first', `byte ${at}`)
      : stack.splice(from)
  }
  const popSome = (n: number): unknown[] => Array.from({ length: n }, pop).reverse()
  const find = (module: unknown, name: unknown): unknown => {
    if (typeof module !== 'string' || typeof name !== 'string')
      return fail('a name must be text', kindOf(module))
    const found = host.find(`${module}.${name}`)
    return found ?? refuse(`${module}.${name}`)
  }
  const refuse = (name: string): never =>
    fail('a file may ask for nothing but tensors and plain values', brief(name), host.fix)
  const listAt = (): unknown[] => {
    const list = top()
    return Array.isArray(list) ? list : fail('items must go into a list', kindOf(list))
  }
  const dictAt = (): Record<string, unknown> => {
    const dict = top()
    return isDict(dict) ? dict : fail('names must go into a dictionary', kindOf(dict))
  }
  const fill = (dict: Record<string, unknown>, items: unknown[]) => {
    if (items.length % 2) fail('a dictionary must have a value for each name', `byte ${at}`)
    for (let i = 0; i < items.length; i += 2) put(dict, items[i], items[i + 1], work)
  }
  const get = (i: number): unknown =>
    memo.has(i) ? memo.get(i) : fail('a pickle must keep a value before it is used', `number ${i}`)
  const call = (f: unknown, args: unknown): unknown => {
    if (!(f instanceof Callable)) return fail('only known names may be called', kindOf(f))
    if (!Array.isArray(args)) return fail(`${f.name} must have a list of arguments`, kindOf(args))
    return f.run(args, work)
  }

  for (;;) {
    const code = u1()
    switch (code) {
      case 0x80: {
        const version = u1()
        if (version < 2 || version > 5) fail('the protocol of pickle must be 2 to 5', `${version}`)
        break
      }
      case 0x95: // FRAME: how much to read ahead
        take(8)
        break
      case 0x2e: {
        const value = pop()
        if (stack.length > 0) fail('a pickle must end with one value', `${stack.length + 1}`)
        return { value, end: at }
      }
      case 0x28:
        marks.push(stack.length)
        break
      case 0x30: // POP takes a mark too
        if (stack.length > 0 && stack.length === marks.at(-1)) marks.pop()
        else pop()
        break
      case 0x31:
        popMark()
        break
      case 0x32:
        stack.push(top())
        break
      case 0x4e:
        stack.push(null)
        break
      case 0x88:
      case 0x89:
        stack.push(code === 0x88)
        break
      case 0x4a:
        stack.push(view.getInt32(take(4), true))
        break
      case 0x4b:
        stack.push(u1())
        break
      case 0x4d:
        stack.push(view.getUint16(take(2), true))
        break
      case 0x8a:
        stack.push(long(u1()))
        break
      case 0x8b:
        stack.push(long(u4()))
        break
      case 0x47:
        stack.push(view.getFloat64(take(8)))
        break
      case 0x58: // text, and strings of Python 2
      case 0x54:
        stack.push(text(u4()))
        break
      case 0x8c:
      case 0x55:
        stack.push(text(u1()))
        break
      case 0x8d:
        stack.push(text(u8()))
        break
      case 0x42:
        stack.push(raw(u4()).slice())
        break
      case 0x43:
        stack.push(raw(u1()).slice())
        break
      case 0x8e:
      case 0x96:
        stack.push(raw(u8()).slice())
        break
      case 0x5d: // lists, tuples and sets
      case 0x29:
      case 0x8f:
        stack.push([])
        break
      case 0x61: {
        const item = pop()
        listAt().push(item)
        break
      }
      case 0x65:
      case 0x90: {
        const items = popMark()
        const list = listAt()
        for (const item of items) list.push(item)
        break
      }
      case 0x6c:
      case 0x74:
      case 0x91:
        stack.push(popMark())
        break
      case 0x85:
      case 0x86:
      case 0x87:
        stack.push(popSome(code - 0x84))
        break
      case 0x7d:
        stack.push({})
        break
      case 0x64: {
        const dict = {}
        fill(dict, popMark())
        stack.push(dict)
        break
      }
      case 0x73: {
        const pair = popSome(2)
        fill(dictAt(), pair)
        break
      }
      case 0x75: {
        const items = popMark()
        fill(dictAt(), items)
        break
      }
      case 0x63: // GLOBAL, STACK_GLOBAL
        stack.push(find(line(), line()))
        break
      case 0x93: {
        const [module, name] = popSome(2)
        stack.push(find(module, name))
        break
      }
      case 0x69: // INST asks for a class by two lines
        refuse(`${line()}.${line()}`)
        break
      case 0x52: // REDUCE, NEWOBJ
      case 0x81: {
        const [f, args] = popSome(2)
        stack.push(call(f, args))
        break
      }
      case 0x62: {
        const state = pop()
        const target = top()
        // What an OrderedDict has besides its items (PyTorch's versions of layers).
        if (!isDict(target) && !host.build(target, state))
          fail('only known objects may be given a state', kindOf(target))
        break
      }
      case 0x51:
        stack.push(host.persistent(pop()))
        break
      case 0x71:
        memo.set(u1(), top())
        break
      case 0x72:
        memo.set(u4(), top())
        break
      case 0x94:
        memo.set(memo.size, top())
        break
      case 0x68:
        stack.push(get(u1()))
        break
      case 0x6a:
        stack.push(get(u4()))
        break
      default:
        fail(
          'a pickle must be of protocol 2 to 5 and use no other operations than those of data',
          `operation 0x${code.toString(16).padStart(2, '0')} at byte ${at - 1}`,
        )
    }
  }
}

/**
 * Refuses values that hold themselves, lie too deep, or are no data.
 * @throws FileError
 */
export function checkPlain(
  value: unknown,
  isLeaf: (v: object) => boolean,
  fail: (rule: string, got: string, fix?: string) => never,
): void {
  const heights = new Map<object, number>()
  const open = new Set<object>()
  const heightOf = (v: unknown, depth: number): number => {
    if (typeof v !== 'object' || v === null || isLeaf(v)) return 0
    if (open.has(v)) return fail('a value must not hold itself', 'a circle')
    const known = heights.get(v)
    if (depth + (known ?? 0) > MAX_DEPTH)
      return fail(`values may lie ${MAX_DEPTH} lists deep`, 'more')
    if (known !== undefined) return known
    if (!Array.isArray(v) && !isDict(v))
      return fail('a file must hold tensors and plain values', kindOf(v))
    open.add(v)
    let height = 0
    for (const item of Array.isArray(v) ? v : Object.values(v))
      height = Math.max(height, 1 + heightOf(item, depth + 1))
    open.delete(v)
    heights.set(v, height)
    return height
  }
  heightOf(value, 0)
}
