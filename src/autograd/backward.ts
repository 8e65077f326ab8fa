import { sumTo, expand } from '../ops/broadcast.js'
import { Call } from '../backends/call.js'
import { add } from '../ops/arithmetic.js'
import { isFloat, isHalf } from '../core/dtype.js'
import { GradError, ShapeError, show } from '../core/errors.js'
import { checkOptions, kinds, readOptions, requireFunction } from '../core/options.js'
import { sameShape } from '../core/shape.js'
import { attrKey, scalar, toType, unhalved } from '../ops/define.js'
import { runCached } from '../ops/eager.js'
import { hooked } from './hooks.js'
import { type GradNode, Tensor } from '../ops/tensor.js'
import { nodeOf, tracedTensor } from '../ops/trace.js'
import { ended, state, withState } from '../ops/state.js'

export interface BackwardOptions {
  /** Keep the graph, so that it can be walked again. Set by `createGraph`. */
  retainGraph?: boolean
  /** Record the gradient computation too, for gradients of gradients. */
  createGraph?: boolean
}

const backwardPlaces = { retainGraph: kinds.flag, createGraph: kinds.flag }

/** Called after each step of the walk; see anomaly.ts. */
export const hooks: {
  afterNode:
    | ((node: GradNode, grads: readonly (Tensor | null)[], cts: readonly (Tensor | null)[]) => void)
    | null
  /** Called once at the end of the next walk, with the gradients that it gives. */
  afterWalk: Set<(found: Map<Tensor, Tensor>) => void>
} = {
  afterNode: null,
  afterWalk: new Set(),
}

type Cotangents = (Tensor | null)[]

/** Marks what gradients of half types compute; checkpoints count from 1. */
const HALVES = -1

/** The gradient rule of a node, over tensors that stand for its own. */
function ruleOf(
  { op, attrs, call }: GradNode,
  needed: readonly boolean[],
  halves: boolean,
): (ct: Cotangents, ins: readonly Tensor[], outs: readonly Tensor[]) => (Tensor | null)[] {
  const seen = halves ? unhalved : (t: Tensor) => t
  const rule = (ct: Cotangents, ins: readonly Tensor[], outs: readonly Tensor[]) => {
    const single = outs.length === 1
    const call = op.vjp as (...args: unknown[]) => readonly (Tensor | null | undefined)[]
    const log = state.recorder?.calls
    log?.begin(frame, op, attrs, [...ct, ...ins, ...outs])
    const given = ct.map((t) => t && seen(t))
    const made = outs.map(seen)
    const grads = call(single ? given[0] : given, ins.map(seen), single ? made[0] : made, attrs)
    const back = ins.map((t, i) => {
      const g = grads[i]
      return g && needed[i] ? toType(sumTo(g, t.shape), t.dtype) : null
    })
    log?.end(frame, back)
    return back
  }
  const frame = new Call(`${op.name} backward`, call)
  return (ct, ins, outs) =>
    withState('call', frame, () =>
      withState('autocast', undefined, () =>
        halves && state.fence === 0
          ? withState('fence', HALVES, () => rule(ct, ins, outs))
          : rule(ct, ins, outs),
      ),
    )
}

const half = (t: Tensor) => isHalf(t.dtype)
const needsGrad = (t: Tensor) => t.requiresGrad

/**
 * What autocast gave in a half type is cast once more where a compiled backward pass reads it: parameters are there
 * anyway, and a copy in the half type would live until then. Lowering keeps the first cast where that is less.
 */
function castAgain(t: Tensor): Tensor {
  const made = t.gradNode
  if (made?.op.name !== 'cast' || !half(t)) return t
  const [from] = made.inputs
  if (!from || from.version !== made.versions[0]) return t
  return withState('fence', state.fence || HALVES, () => toType(from, t.dtype))
}

/** The gradients of one node's inputs; null where none is needed. */
function vjpOf(node: GradNode, cts: Cotangents, createGraph: boolean): (Tensor | null)[] {
  const { op, inputs, outputs, attrs } = node
  // Half types are computed with in float32, as forward, and the gradients rounded once. What the rule needs it makes of
  // the half types again: float32 that forward has made must not be kept for it.
  const halves = op.halves !== true && (inputs.some(half) || outputs.some(half))
  const needed = inputs.map(needsGrad)
  if (createGraph || state.recorder || op.dynamic)
    return ruleOf(node, needed, halves)(
      cts,
      state.recorder ? inputs.map(castAgain) : inputs,
      outputs,
    )
  const all: Tensor[] = []
  let key = `${op.name}~|${attrKey(attrs)}|`
  for (let i = 0; i < needed.length; i++) key += needed[i] ? '1' : '0'
  key += '|'
  for (let i = 0; i < cts.length; i++) {
    const t = cts[i]
    if (t) all.push(t)
    if (cts.length > 1) key += t ? '1' : '0'
  }
  for (let i = 0; i < inputs.length; i++) all.push(inputs[i]!)
  for (let i = 0; i < outputs.length; i++) all.push(outputs[i]!)
  return runCached(key, all, (given) => {
    let i = 0
    const ct = cts.map((t) => (t ? given[i++]! : null))
    const ins = given.slice(i, i + inputs.length)
    return ruleOf(node, needed, halves)(ct, ins, given.slice(i + inputs.length))
  })
}

/** Every node that the roots were computed by and that is not older than `since`, the latest first. */
export function collect(roots: readonly Tensor[], since = 0): GradNode[] {
  const seen = new Set<GradNode>()
  const stack: GradNode[] = []
  const visit = (t: Tensor) => {
    if (t.gradNode && t.gradNode.order >= since && !seen.has(t.gradNode)) {
      seen.add(t.gradNode)
      stack.push(t.gradNode)
    }
  }
  roots.forEach(visit)
  while (stack.length > 0) for (const t of stack.pop()!.inputs) visit(t)
  return [...seen].sort((a, b) => b.order - a.order)
}

function sum2(a: Tensor | null | undefined, b: Tensor): Tensor {
  return a ? add(a, b) : b
}

/**
 * Walks back from the roots and gives the gradients of the wanted tensors, or of all leaves that require one.
 * Un-broadcasting happens here, once for all operations. Nodes older than `since` are not entered.
 */
export function walk(
  op: string,
  roots: readonly Tensor[],
  cts: readonly (Tensor | null)[],
  wanted: ReadonlySet<Tensor> | null,
  { createGraph = false, retainGraph = createGraph }: BackwardOptions,
  since = 0,
): Map<Tensor, Tensor> {
  const found = new Map<Tensor, Tensor>()
  const pending = new Map<GradNode, Cotangents>()
  const deliver = (t: Tensor, ct: Tensor) => {
    if (wanted ? wanted.has(t) : !t.gradNode) found.set(t, sum2(found.get(t), ct))
    const node = t.gradNode
    if (!node || node.order < since) return
    let list = pending.get(node)
    if (!list) {
      list = new Array<Tensor | null>(node.outputs.length).fill(null)
      pending.set(node, list)
    }
    const i = node.outputs.indexOf(t)
    list[i] = sum2(list[i], ct)
  }
  return withState('gradEnabled', createGraph, () => {
    const nodes = collect(roots, since)
    roots.forEach((t, i) => {
      deliver(t, cts[i] ?? onesLike(t))
    })
    for (const node of nodes) {
      const ct = pending.get(node)
      if (!ct) continue
      pending.delete(node)
      if (node.freed)
        throw new GradError({
          op,
          rule: `${op} was called twice on the same graph, and the graph is freed after the first call`,
          got: `the second call at ${node.op.name}`,
          fix: 'Compute the loss again, or pass { retainGraph: true } the first time.',
        })
      node.inputs.forEach((t, i) => {
        if (t.version !== node.versions[i])
          throw new GradError({
            op,
            rule: `an input of ${node.op.name} was changed in place after it was used`,
            got: `a tensor of shape ${show(t.shape)}`,
            fix: 'Call backward before the optimizer step, or change a copy.',
          })
      })
      // Everything that reads the node's results has been walked: their gradients are whole.
      node.outputs.forEach((t, i) => {
        const g = ct[i]
        if (!g) return
        ct[i] = hooked(t, g)
        if (ct[i] !== g && found.has(t)) found.set(t, ct[i])
      })
      const grads = vjpOf(node, ct, createGraph)
      hooks.afterNode?.(node, grads, ct)
      node.inputs.forEach((t, i) => {
        const g = grads[i]
        if (g && t.requiresGrad) deliver(t, g)
      })
      if (!retainGraph) free(node)
    }
    for (const f of hooks.afterWalk) {
      hooks.afterWalk.delete(f)
      f(found)
    }
    for (const [t, g] of found)
      if (!t.gradNode || t.gradNode.order < since) found.set(t, hooked(t, g))
    return found
  })
}

/** Lets go of what the node held, so that memory goes even while the loss is kept. */
function free(node: GradNode): void {
  node.freed = true
  const open = node as { inputs: readonly Tensor[]; outputs: readonly Tensor[] }
  open.inputs = []
  open.outputs = []
}

function onesLike(t: Tensor): Tensor {
  return expand(scalar(1, t.dtype, [t]), t.shape)
}

function checkRoot(op: string, t: Tensor, ct: Tensor | null | undefined): void {
  if (!t.requiresGrad)
    throw new GradError({
      op,
      rule: 'the tensor must be computed from a tensor that requires a gradient',
      got: `a tensor of shape ${show(t.shape)} without history`,
      fix: 'Set requiresGrad on the inputs; results of compiled functions and of noGrad carry no history.',
    })
  if (!ct && t.size !== 1)
    throw new ShapeError({
      op,
      rule: 'only a tensor of one element can be differentiated without the gradient of the result (ct)',
      got: show(t.shape),
      fix: 'Reduce it first: loss.mean().backward(), or pass the gradient of the output.',
    })
  if (ct && !sameShape(ct.shape, t.shape))
    throw new ShapeError({
      op,
      rule: `the cotangent must have the shape of the output, ${show(t.shape)}`,
      got: show(ct.shape),
    })
}

/**
 * The gradient of `t` with respect to every leaf that requires one, added to their `grad`.
 * `ct` is the gradient of the final result with respect to `t` (1 for a single element).
 * @throws GradError when `t` has no history or its graph was freed
 * @throws ShapeError when `t` has several elements and no `ct`
 */
export function backward(t: Tensor, ct?: Tensor | null, options?: boolean | BackwardOptions): void {
  const given = readOptions<BackwardOptions>('backward', [options], backwardPlaces)
  checkRoot('backward', t, ct)
  for (const [leaf, g] of walk('backward', [t], [ct ?? null], null, given)) {
    const before = leaf.grad
    leaf.grad = withState('gradEnabled', given.createGraph ?? false, () => sum2(before, g))
  }
}

/**
 * The gradients of the outputs' sum (weighted by `cts`) with respect to `inputs`, without touching any `grad`;
 * null for an input that the outputs do not depend on. PyTorch: torch.autograd.grad with allow_unused.
 */
export function gradients(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  cts: readonly (Tensor | null)[] = [],
  options: BackwardOptions = {},
): (Tensor | null)[] {
  checkOptions('gradients', options, backwardPlaces)
  const roots = outputs instanceof Tensor ? [outputs] : outputs
  roots.forEach((t, i) => {
    checkRoot('gradients', t, cts[i])
  })
  for (const t of inputs)
    if (!t.requiresGrad)
      throw new GradError({
        op: 'gradients',
        rule: 'inputs must require gradients',
        got: `a tensor of shape ${show(t.shape)} that does not`,
        fix: 'x.requiresGrad = true before it is used.',
      })
  const found = walk('gradients', roots, cts, new Set(inputs), options)
  return inputs.map((t) => found.get(t) ?? null)
}

/** A leaf over the same elements, cut from its history. */
function leaf(t: Tensor): Tensor {
  if (!isFloat(t.dtype))
    throw new GradError({ op: 'grad', rule: 'only float tensors have gradients', got: t.dtype })
  const copy = detach(t)
  copy.requiresGrad = true
  return copy
}

/** The same elements without history: no gradient flows through. */
export function detach(t: Tensor): Tensor {
  if (state.recorder) return tracedTensor(nodeOf(t), state.recorder)
  return new Tensor(t.shape, t.dtype, { storage: t.storage!, offset: t.offset, strides: t.strides })
}

/**
 * The function that gives value and gradients of `f`, which maps tensors to one scalar. All arguments that are
 * float tensors are differentiated.
 * @example valueAndGrad((x) => x.square().sum())(tensor([1, 2])) // [5, [[2, 4]]]
 */
export function valueAndGrad<A extends Tensor[]>(
  f: (...args: A) => Tensor,
): (...args: A) => [value: Tensor, grads: Tensor[]] {
  requireFunction('valueAndGrad', f)
  return (...args) => {
    // Inside of another differentiation the arguments keep their history.
    const nested = args.some((t) => t.requiresGrad)
    return withState('gradEnabled', true, () => {
      const leaves = args.map((t) => (t.requiresGrad ? t : leaf(t))) as A
      const value = ended('grad', f(...leaves))
      const grads = gradients(value, leaves, [], { createGraph: nested })
      return [nested ? value : detach(value), grads.map((g, i) => g ?? zerosLike(leaves[i]!))] as [
        Tensor,
        Tensor[],
      ]
    })
  }
}

function zerosLike(t: Tensor): Tensor {
  return expand(scalar(0, t.dtype, [t]), t.shape)
}

/** The gradient function of `f`: of its one argument, or a list for several. */
export function grad<A extends Tensor[]>(
  f: (...args: A) => Tensor,
): (...args: A) => A extends [Tensor] ? Tensor : Tensor[] {
  requireFunction('grad', f)
  const both = valueAndGrad(f)
  return (...args) => {
    const [, grads] = both(...args)
    return (args.length === 1 ? grads[0] : grads) as A extends [Tensor] ? Tensor : Tensor[]
  }
}
