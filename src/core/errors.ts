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
  readonly complaint: Complaint
  /** The module path the error passed through, outermost first: `SimpleCNN.fc`. */
  path = ''
  constructor(complaint: Complaint, options?: ErrorOptions) {
    super(render(complaint, ''), options)
    this.complaint = complaint
    this.name = new.target.name
  }
  /** Called by modules as the error passes: puts the module's name before the message. */
  addPath(name: string): this {
    this.path = this.path ? `${name}.${this.path}` : name
    this.message = render(this.complaint, this.path)
    return this
  }
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
