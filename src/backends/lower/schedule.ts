/** The order in which groups run: by first need, checks early, changes of outside memory late. */
import { BackendError } from '../../core/errors.js'
import { extras } from '../../core/extras.js'
import type { Group } from './groups.js'
import type {} from './hostCalls.js'
import type { Values } from './simplify.js'

/** The host's work that a group started must be done here. */
export interface Wait {
  readonly wait: Group
}

export interface Schedule {
  order: (Group | Wait)[]
  /** By value: is it read outside of the group that computes it, or an output? Then it needs memory. */
  needed: Uint8Array
  /** By value: the place in the order of the group that reads it last, or -1. */
  lastRead: Int32Array
}

export function schedule(graph: Values, groups: readonly Group[]): Schedule {
  const { all, outputs } = graph
  const needed = new Uint8Array(all.length)
  /** Is it read by another group? */
  const read = new Uint8Array(all.length)
  const into = new Uint8Array(all.length)
  let most = 0
  let lastCheck = -1
  for (const g of groups) {
    most = Math.max(most, g.id)
    const { values } = g
    for (let i = 0; i < values.length; i++) {
      const { prim, inputs } = values[i]!
      if (prim.op === 'check') lastCheck = Math.max(lastCheck, g.last.id)
      for (let k = 0; k < inputs.length; k++) {
        const { base } = inputs[k]!
        if (base.group !== g) read[base.id] = 1
        if (!base.group || g.again?.has(base)) continue
        if (base.group !== g || g.accumulated.has(base)) needed[base.id] = 1
      }
    }
    if (g.bias?.base.group) needed[g.bias.base.id] = 1
  }
  for (const g of groups)
    if (g.values[0]!.prim.op === 'host') for (const n of g.values) needed[n.id] = 1
  for (const o of outputs) {
    needed[o.value.id] = 1
    if (o.into !== undefined) into[o.value.id] = 1
  }

  // What stands before each group, counted, and what behind, as chains through one list.
  const waits = new Int32Array(most + 1)
  const behind = new Int32Array(most + 1).fill(-1)
  const waiting: Group[] = []
  const next: number[] = []
  const seen = new Int32Array(most + 1).fill(-1)
  for (let i = groups.length - 1; i >= 0; i--) {
    const g = groups[i]!
    const { values, again, bias, after } = g
    if (after) {
      seen[after.id] = g.id
      waits[g.id]!++
      next.push(behind[after.id]!)
      behind[after.id] = waiting.length
      waiting.push(g)
    }
    for (let k = bias ? -1 : 0; k < values.length; k++) {
      const inputs = k < 0 ? [bias!] : values[k]!.inputs
      for (let j = 0; j < inputs.length; j++) {
        const { base } = inputs[j]!
        const on = base.group
        if (!on || on === g || seen[on.id] === g.id || again?.has(base)) continue
        seen[on.id] = g.id
        waits[g.id]!++
        next.push(behind[on.id]!)
        behind[on.id] = waiting.length
        waiting.push(g)
      }
    }
  }

  // By the first value that another group reads: what is computed beside it may have been asked for much later. Groups
  // that only feed changes of outside memory run late.
  const key = (g: Group): number => {
    const own = g.last.id
    let late = false
    let given = false
    for (const n of g.values) {
      if (!needed[n.id]) continue
      if (read[n.id]) return n.id
      if (into[n.id]) late = true
      else given = true
    }
    return late && !given ? Math.max(own, lastCheck + 0.5) : own
  }
  const ready = new Queue()
  for (const g of groups) if (waits[g.id] === 0) ready.push(key(g), g)
  const order: Group[] = []
  for (let g = ready.pop(); g; g = ready.pop()) {
    order.push(g)
    for (let i = behind[g.id]!; i >= 0; i = next[i]!) {
      const h = waiting[i]!
      if (--waits[h.id]! === 0) ready.push(key(h), h)
    }
  }
  if (order.length !== groups.length)
    throw new BackendError({
      op: 'lower',
      rule: 'groups must not depend on each other in a circle',
    })

  // Only programs with calls of the host wait, and what records those brings this.
  const full = extras.hostCalls?.withWaits(order) ?? order
  const lastRead = new Int32Array(all.length).fill(-1)
  for (let at = 0; at < full.length; at++) {
    const g = full[at]!
    // What the host reads stays until it is done.
    const { values, bias } = 'wait' in g ? g.wait : g
    for (let i = 0; i < values.length; i++) {
      const { inputs } = values[i]!
      for (let k = 0; k < inputs.length; k++) lastRead[inputs[k]!.base.id] = at
    }
    if (bias) lastRead[bias.base.id] = at
  }
  return { order: full, needed, lastRead }
}

/** The least key first: it is the last of the list. */
class Queue {
  private readonly keys: number[] = []
  private readonly groups: Group[] = []

  push(key: number, g: Group): void {
    const { keys, groups } = this
    let low = 0
    for (let high = keys.length; low < high; ) {
      const middle = (low + high) >> 1
      if (keys[middle]! > key) low = middle + 1
      else high = middle
    }
    keys.splice(low, 0, key)
    groups.splice(low, 0, g)
  }

  pop(): Group | undefined {
    this.keys.pop()
    return this.groups.pop()
  }
}
