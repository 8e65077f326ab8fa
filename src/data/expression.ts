/** Formulas that people type. */
import { pow } from '../core/math.js'
import jsep from 'jsep'
import { ValueError } from '../core/errors.js'
import { suggest } from '../core/suggest.js'

const functions: Readonly<Record<string, (...args: number[]) => number>> = {
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  exp: Math.exp,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  sqrt: Math.sqrt,
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  ceil: Math.ceil,
  round: Math.round,
  min: Math.min,
  max: Math.max,
  relu: (v) => Math.max(0, v),
  sigmoid: (v) => 1 / (1 + Math.exp(-v)),
}
const constants: Readonly<Record<string, number>> = { pi: Math.PI, e: Math.E }
const operators: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '**': pow,
  '^': pow,
  '<': (a, b) => +(a < b),
  '>': (a, b) => +(a > b),
  '<=': (a, b) => +(a <= b),
  '>=': (a, b) => +(a >= b),
}
// A power binds most tightly, to the right.
jsep.addBinaryOp('**', 11, true)
jsep.addBinaryOp('^', 11, true)
// −x² is −(x²), as mathematics writes it: jsep alone takes (−x)².
jsep.hooks.add('gobble-token', function (env) {
  this.gobbleSpaces()
  if (this.expr[this.index] !== '-') return
  this.index++
  const operand = (): jsep.Expression =>
    this.gobbleToken() ?? this.throwError('Expected a number or a name after an operator')
  const powers = [operand()]
  for (;;) {
    this.gobbleSpaces()
    const found = /^(\^|\*\*)/.exec(this.expr.slice(this.index, this.index + 2))
    if (!found) break
    this.index += found[0].length
    powers.push(operand())
  }
  const argument = powers.reduceRight((right, left) => ({
    type: 'BinaryExpression',
    operator: '^',
    left,
    right,
  }))
  env.node = { type: 'UnaryExpression', operator: '-', argument, prefix: true }
})

type Compute = (values: Readonly<Record<string, number>>) => number

/**
 * A formula as a function of its variables: + - * / % and ^ (or **), comparisons (1 or 0), `condition ? a : b`, pi, e, and
 * the functions of `Math` that people write, relu and sigmoid. Nothing else is run. `names` are the variables it may have.
 * @throws ValueError for what is no formula, with its place, and for a name that is none of these
 * @example parseExpression('x^2 + sin(pi * x)', ['x'])({ x: 3 }) // 9
 */
export function parseExpression(text: string, names: readonly string[] = ['x']): Compute {
  const op = 'parseExpression'
  const refuse = (rule: string, got: string, fix?: string): never => {
    throw new ValueError({ op, rule, got, ...(fix && { fix }) })
  }
  const read = (): jsep.Expression => {
    try {
      return jsep(text)
    } catch (error) {
      const { message } = error as Error
      return refuse(`'${text}' must be a formula of ${names.join(', ')}`, message)
    }
  }
  const known = [...names, ...Object.keys(constants), ...Object.keys(functions)]
  const unknown = (name: string): never => {
    const near = suggest(name, known)
    return refuse(
      `a formula is made of ${names.join(', ')}, numbers, pi, e and functions such as sin and exp`,
      name,
      near && `Do you mean ${near}?`,
    )
  }
  const compute = (node: jsep.Expression): Compute => {
    switch (node.type) {
      case 'Literal': {
        const { value } = node as jsep.Literal
        return typeof value === 'number'
          ? () => value
          : refuse('values are numbers', JSON.stringify(value))
      }
      case 'Identifier': {
        const { name } = node as jsep.Identifier
        if (names.includes(name)) return (values) => values[name]!
        const constant = Object.hasOwn(constants, name) ? constants[name]! : unknown(name)
        return () => constant
      }
      case 'UnaryExpression': {
        const { operator, argument } = node as jsep.UnaryExpression
        const value = compute(argument)
        if (operator === '-') return (values) => -value(values)
        return operator === '+' ? value : unknown(operator)
      }
      case 'BinaryExpression': {
        const { operator, left, right } = node as jsep.BinaryExpression
        const f = operators[operator] ?? unknown(operator)
        const [a, b] = [compute(left), compute(right)]
        return (values) => f(a(values), b(values))
      }
      case 'ConditionalExpression': {
        const { test, consequent, alternate } = node as jsep.ConditionalExpression
        const [condition, yes, no] = [test, consequent, alternate].map(compute) as [
          Compute,
          Compute,
          Compute,
        ]
        return (values) => (condition(values) ? yes(values) : no(values))
      }
      case 'CallExpression': {
        const { callee, arguments: list } = node as jsep.CallExpression
        const name = callee.type === 'Identifier' ? (callee as jsep.Identifier).name : ''
        const f = Object.hasOwn(functions, name)
          ? functions[name]!
          : unknown(name || 'a call of something else')
        const args = list.map(compute)
        if (args.length < Math.min(1, f.length))
          return refuse(`${name} needs a number`, `${name}()`)
        return (values) => f(...args.map((arg) => arg(values)))
      }
      default:
        return refuse(
          `'${text}' must be one formula of ${names.join(', ')}`,
          node.type === 'Compound' ? 'several parts' : `a ${node.type}`,
        )
    }
  }
  return compute(read())
}
