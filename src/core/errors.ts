/** What every error of nabla carries: `[op] rule; got what. fix`. */
export interface Complaint {
  /** The operation, layer path or file format that complains. */
  op: string
  /** What must hold. */
  rule: string
  /** What came instead. */
  got?: string
  /** What most likely mends it. */
  fix?: string
}

export class NablaError extends Error {
  complaint: Complaint
  /** The module path the error passed through, outermost first: `SimpleCNN.fc`. */
  path = ''
  /** Where it was thrown: the caller's lines, then those of nabla. */
  readonly #frames: string
  constructor(complaint: Complaint, options?: ErrorOptions) {
    super(render(complaint, ''), options)
    this.complaint = complaint
    this.name = new.target.name
    this.#frames = userFirst(deepStack(this))
    this.#writeStack()
  }
  #writeStack(): void {
    if (this.#frames === '') return
    this.stack = `${this.name}: ${this.message}\n${this.#frames}`
  }
  /** Names another operation: the one that was called, where one inside of it found the fault. */
  of(op: string): this {
    this.complaint = { ...this.complaint, op }
    this.message = render(this.complaint, this.path)
    this.#writeStack()
    return this
  }
  /** Called by modules as the error passes: puts the module's name before the message. */
  addPath(name: string): this {
    if (name === '') return this
    this.path = this.path ? `${name}.${this.path}` : name
    this.message = render(this.complaint, this.path)
    this.#writeStack()
    return this
  }
}

const MOST = 10
/** Lines of a stack that name a place, as V8 writes them. */
const placesIn = (stack: string) => stack.split('\n').filter((line) => /^\s+at /.test(line))
/** The folder of nabla's own files; undefined where they are bundled with the program. */
const home = /\(?((?:file:\/\/)?\/?[^()\s]*\/)(?:core|parts)\/[^/()]*:\d+:\d+\)?$/.exec(
  placesIn(new Error().stack ?? '')[0] ?? '',
)?.[1]

/** The stack with more places than the ten that V8 keeps, which may all be nabla's. */
function deepStack(error: Error): string {
  const v8 = Error as unknown as {
    stackTraceLimit?: number
    captureStackTrace?: (error: Error) => void
  }
  if (!v8.captureStackTrace) return error.stack ?? ''
  const limit = v8.stackTraceLimit
  v8.stackTraceLimit = 100
  v8.captureStackTrace(error)
  v8.stackTraceLimit = limit
  return error.stack ?? ''
}

/** The lines of a stack, those of nabla's own files last. */
function userFirst(stack: string): string {
  const all = placesIn(stack)
  if (home === undefined) return all.join('\n')
  const own = all.filter((line) => line.includes(home))
  const others = all.filter((line) => !line.includes(home))
  return [...others.slice(0, MOST), ...own.slice(0, MOST)].join('\n')
}

function render({ op, rule, got, fix }: Complaint, path: string): string {
  const where = path ? `${path}: ` : ''
  return `${where}[${op}] ${rule}${got ? `; got ${got}` : ''}${fix ? `. ${fix}` : ''}`
}

/** Shapes do not fit the operation. */
export class ShapeError extends NablaError {}
/** An element type that the operation or the backend does not take. */
export class DTypeError extends NablaError {}
/** An argument outside what is allowed. */
export class ValueError extends NablaError {}
/** An index or label outside its range, found while running. */
export class IndexError extends NablaError {}
/** A gradient that cannot be had. */
export class GradError extends NablaError {}
/** Something that `compile` cannot trace. */
export class TraceError extends NablaError {}
/** A backend that is missing, or a program that it rejects. */
export class BackendError extends NablaError {}
/** A file that is missing, truncated, corrupt or cannot be written. */
export class FileError extends NablaError {}
/** A result or gradient that is not finite, found by `detectAnomaly`. */
export class AnomalyError extends NablaError {}
/** Training that cannot go on (a loss that is not a number). */
export class TrainingError extends NablaError {}

/** `[2, 3]`, as shapes are written in messages. */
export const show = (shape: readonly number[]): string => `[${shape.join(', ')}]`
