/**
 * Who asked for a node: the operations, modules and loops that were running, each inside of the one that called it. Plans, errors
 * and gradients keep these frames; what went in and came out of a call is kept by those who ask for it (compile/calls.ts).
 */
export class Call {
  /** Of an operation, or the path of a module in the one around it: `crossEntropy`, `blocks.0`. */
  readonly name: string
  readonly outer: Call | undefined
  readonly kind: 'operation' | 'module' | 'loop'

  constructor(name: string, outer?: Call, kind: Call['kind'] = 'operation') {
    this.name = name
    this.outer = outer
    this.kind = kind
  }

  /** The path of the innermost module: `SimpleCNN.conv1`; '' outside of modules. */
  get layer(): string {
    let path = ''
    for (let c: Call | undefined = this; c; c = c.outer)
      if (c.kind === 'module') path = path === '' ? c.name : `${c.name}.${path}`
    return path
  }

  /** The operation that was asked for: the outermost one inside of the innermost module or loop. */
  get operation(): string {
    let { name } = this as Call
    for (let c: Call | undefined = this; c?.kind === 'operation'; c = c.outer) name = c.name
    return name
  }

  /** All of them, the outermost first: `scan/SimpleCNN.conv1/conv2d`. */
  toString(): string {
    let text = this.name
    for (let c: Call = this; c.outer; c = c.outer)
      text = `${c.outer.name}${c.kind === 'module' && c.outer.kind === 'module' ? '.' : '/'}${text}`
    return text
  }
}

const made = new Map<string, Call>()
/** A call of that name outside of all others; one for each name. */
export function callOf(name: string): Call {
  let call = made.get(name)
  if (!call) {
    call = new Call(name)
    made.set(name, call)
  }
  return call
}
