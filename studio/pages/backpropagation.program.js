// @ts-check
import jsep from 'jsep'
import {
  add,
  cos,
  div,
  exp,
  gradients,
  log,
  mul,
  neg,
  pow,
  relu,
  sigmoid,
  sin,
  sqrt,
  square,
  sub,
  tanh,
  tensor,
} from 'nabla'
// This teaches jsep powers.
import { parseExpression } from 'nabla/data'

/** @import { Tensor } from 'nabla' */
/** @typedef {{ text: string, x: number, y: number, w: number, b: number }} Settings */
/** @typedef {{ label: string, value: Tensor, inputs: number[] }} Node */

/** @type {Record<string, (a: Tensor, b: Tensor) => Tensor>} */
const operators = { '+': add, '-': sub, '*': mul, '/': div, '^': pow, '**': pow }
/** @type {Record<string, (a: Tensor) => Tensor>} */
const functions = { sin, cos, exp, log, sqrt, square, tanh, sigmoid, relu }
const names = ['x', 'y', 'w', 'b']

/**
 * The graph of a formula: a node for each variable, number and operation, inputs first. Every value wants a gradient.
 * @param {Settings} s
 */
export function graph(s) {
  // It refuses what is no formula, in words.
  parseExpression(s.text.replaceAll(/\bsquare\b/g, 'abs'), names)
  /** @type {Node[]} */
  const nodes = []
  /** @type {Map<string, number>} */
  const known = new Map()
  /** @param {string} label @param {Tensor} value @param {number[]} inputs */
  const node = (label, value, inputs = []) => nodes.push({ label, value, inputs }) - 1
  const leaf = (/** @type {string} */ label, /** @type {number} */ value) => {
    const at =
      known.get(label) ?? node(label, tensor(value, { dtype: 'float64', requiresGrad: true }))
    known.set(label, at)
    return at
  }
  const value = (/** @type {number} */ i) => /** @type {Node} */ (nodes[i]).value
  /** @param {any} e @returns {number} */
  const walk = (e) => {
    if (e.type === 'Literal') return leaf(`${e.value}`, Number(e.value))
    if (e.type === 'Identifier')
      return leaf(
        e.name,
        e.name === 'pi' ? Math.PI : e.name === 'e' ? Math.E : /** @type {any} */ (s)[e.name],
      )
    if (e.type === 'UnaryExpression') {
      const a = walk(e.argument)
      return e.operator === '-' ? node('−', neg(value(a)), [a]) : a
    }
    if (e.type === 'BinaryExpression' && operators[e.operator]) {
      const [a, b] = [walk(e.left), walk(e.right)]
      return node(
        e.operator === '*' ? '×' : e.operator,
        /** @type {any} */ (operators[e.operator])(value(a), value(b)),
        [a, b],
      )
    }
    if (e.type === 'CallExpression' && functions[e.callee.name] && e.arguments.length === 1) {
      const a = walk(e.arguments[0])
      return node(e.callee.name, /** @type {any} */ (functions[e.callee.name])(value(a)), [a])
    }
    throw new Error(`this page knows + - * / ^ and ${Object.keys(functions).join(', ')}`)
  }
  walk(jsep(s.text))
  return nodes
}

/** Every node with its gradient: how much the result changes when it changes. @param {Settings} s */
export function everyGradient(s) {
  const nodes = graph(s)
  const last = /** @type {Node} */ (nodes.at(-1))
  const grads = gradients(
    [last.value],
    nodes.map((n) => n.value),
  )
  return nodes.map(({ label, value, inputs }, i) => ({
    label,
    inputs,
    value: value.item(),
    grad: grads[i]?.item() ?? 0,
  }))
}

/** The gradient of a variable by two values of the formula, a little left and right. @param {Settings} s @param {string} name */
export function numeric(s, name) {
  const h = 1e-5
  const at = (/** @type {number} */ d) => {
    const nodes = graph({ ...s, [name]: /** @type {any} */ (s)[name] + d })
    return /** @type {Node} */ (nodes.at(-1)).value.item()
  }
  return (at(h) - at(-h)) / (2 * h)
}

/** @param {Settings} s */
export function main(s) {
  for (const { label, value, grad } of everyGradient(s))
    console.log(label.padEnd(8), 'value', value, 'gradient', grad)
  for (const name of names)
    if (new RegExp(`\\b${name}\\b`).test(s.text))
      console.log('by numbers', name, numeric(s, name).toFixed(6))
}
