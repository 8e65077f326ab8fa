/**
 * An order of groups in which each stands after those that it reads, kept while groups grow and merge. Whether one
 * group reaches another is asked for nearly every value, so the answer must not cost a walk over the whole graph:
 *
 * - what stands later reaches nothing that stands before it;
 * - along one longest path of the graph it is known from where each value enters it and what it leaves for: who enters
 *   before the place where the other leaves reaches it;
 * - only between those is searched, and not far: where the search would be long the answer is yes, which costs no more
 *   than a fusion.
 */
import { BackendError } from '../../core/errors.js'
import type { Value } from './value.js'
import type { Values } from './simplify.js'

export interface Ordered<G> {
  /** Increases along the order. */
  at: number
  before: G | undefined
  behind: G | undefined
  /** Groups that read it; some may have been merged. */
  readers: G[]
  /** The group that it was merged into. */
  into: G | undefined
  mark: number
  values: readonly Value[]
  /** One that it stands after, though it reads nothing of it. */
  after: G | undefined
  /** The first place on the longest path that it reaches, and the last one that reaches it. */
  enters: number
  leaves: number
}

/** Groups looked at by one search, at most. */
const FAR = 2000
const GAP = 1024
/** Of what reaches no place of the longest path. */
export const NEVER = 0x7fffffff

export class Order<G extends Ordered<G>> {
  private last: G | undefined
  private first: G | undefined
  private mark = 0
  /** Of each value. */
  private readonly enters: Int32Array
  private readonly leaves: Int32Array
  /** What the last search went through, from either end. */
  private readonly ahead: G[] = []
  private readonly back: G[] = []

  constructor({ all }: Values) {
    const n = all.length
    const depth = new Int32Array(n)
    let deepest: Value | undefined
    for (let i = 0; i < n; i++) {
      const { inputs } = all[i]!
      for (let k = 0; k < inputs.length; k++) {
        const d = depth[inputs[k]!.base.id]! + 1
        if (d > depth[i]!) depth[i] = d
      }
      if (!deepest || depth[i]! > depth[deepest.id]!) deepest = all[i]!
    }
    this.enters = new Int32Array(n).fill(NEVER)
    this.leaves = new Int32Array(n).fill(-1)
    for (let v = deepest; v; ) {
      this.enters[v.id] = this.leaves[v.id] = depth[v.id]!
      const at: number = depth[v.id]! - 1
      v = v.inputs.find((x) => depth[x.base.id] === at)?.base
    }
    const { enters, leaves } = this
    for (let i = 0; i < n; i++) {
      const { inputs } = all[i]!
      for (let k = 0; k < inputs.length; k++) {
        const from = leaves[inputs[k]!.base.id]!
        if (from > leaves[i]!) leaves[i] = from
      }
    }
    for (let i = n - 1; i >= 0; i--) {
      const { inputs } = all[i]!
      for (let k = 0; k < inputs.length; k++) {
        const { id } = inputs[k]!.base
        if (enters[i]! < enters[id]!) enters[id] = enters[i]!
      }
    }
  }

  /** The group computes this value. */
  covers(g: G, { id }: Value): void {
    g.enters = Math.min(g.enters, this.enters[id]!)
    g.leaves = Math.max(g.leaves, this.leaves[id]!)
  }

  append(g: G): void {
    this.insert(g, this.last)
  }
  private insert(g: G, before: G | undefined): void {
    const behind = before ? before.behind : this.first
    g.before = before
    g.behind = behind
    if (before) before.behind = g
    else this.first = g
    if (behind) behind.before = g
    else this.last = g
    const low = before ? before.at : 0
    g.at = behind ? (low + behind.at) / 2 : low + GAP
    if (behind && (g.at <= low || g.at >= behind.at)) {
      let at = 0
      for (let h = this.first; h; h = h.behind) h.at = at += GAP
    }
  }
  private remove(g: G): void {
    if (g.before) g.before.behind = g.behind
    else this.first = g.behind
    if (g.behind) g.behind.before = g.before
    else this.last = g.before
  }
  private static find<G extends Ordered<G>>(g: G): G {
    let h = g
    while (h.into) h = h.into
    return h
  }

  /**
   * Is there a way from one to the other, through others or not? `direct: false`: through others only. It is looked for
   * from both ends in turn, and ends where one end has no more: what was gone through from there can be moved.
   */
  private search(from: G, to: G, direct: boolean): 'found' | 'none' | 'ahead' | 'back' {
    if (from.at >= to.at) return 'none'
    if (direct && from.enters <= to.leaves) return 'found'
    const { ahead, back } = this
    ahead.length = 0
    back.length = 0
    this.mark += 2
    const { mark } = this
    /** Is this, which `b` stands after, one that `from` reaches? Otherwise it is gone on from. */
    const look = (h: G | undefined, b: G): boolean => {
      if (!h || h === b) return false
      if (h === from) return direct || b !== to
      if (h.mark === mark + 1 || h.at <= from.at) return false
      if (h.mark === mark || from.enters <= h.leaves) return true
      h.mark = mark + 1
      back.push(h)
      return false
    }
    for (let i = 0; i < FAR; i++) {
      const f = i === 0 ? from : ahead[i - 1]
      if (!f) return 'ahead'
      const { readers } = f
      for (let k = 0; k < readers.length; k++) {
        const h = Order.find(readers[k]!)
        readers[k] = h
        if (h === to) {
          if (direct || f !== from) return 'found'
        } else if (h.mark !== mark && h.at < to.at) {
          if (h.mark === mark + 1 || h.enters <= to.leaves) return 'found'
          h.mark = mark
          ahead.push(h)
        }
      }
      const b = i === 0 ? to : back[i - 1]
      if (!b) return 'back'
      if (b.after && look(Order.find(b.after), b)) return 'found'
      const { values } = b
      for (let j = 0; j < values.length; j++) {
        const { inputs } = values[j]!
        for (let k = 0; k < inputs.length; k++)
          if (look(inputs[k]!.base.group as G | undefined, b)) return 'found'
      }
    }
    return 'found'
  }

  reaches(from: G, to: G): boolean {
    return this.search(from, to, true) === 'found'
  }

  /** Puts groups behind another one, or before it where there is none before, in the order that they have. */
  private move(groups: G[], behind: G | undefined): void {
    let cursor = behind
    groups.sort((a, b) => a.at - b.at)
    for (const g of groups) {
      this.remove(g)
      this.insert(g, cursor)
      cursor = g
    }
  }

  /** `g` reads `on`, which `g` does not reach. */
  follow(g: G, on: G): void {
    const { readers } = on
    if (readers[readers.length - 1] !== g) readers.push(g)
    if (on.at < g.at) return
    const way = this.search(g, on, true)
    if (way === 'found')
      throw new BackendError({ op: 'lower', rule: 'a group must not read what follows from it' })
    if (way === 'ahead') this.move([...this.ahead, g], on)
    else this.move([...this.back, on], g.before)
  }

  /** Makes `b` part of `a`; false when another group must run between them, which most find soonest, or they do not suit. */
  merge(a: G, b: G, suits: () => boolean): boolean {
    const [low, high] = a.at < b.at ? [a, b] : [b, a]
    const way = this.search(low, high, false)
    if (way === 'found' || !suits()) return false
    if (way === 'ahead') this.move([...this.ahead], high)
    else this.move([...this.back], low.before)
    const place = way === 'ahead' ? high : low
    if (a !== place) {
      this.remove(a)
      this.insert(a, place)
    }
    this.remove(b)
    b.into = a
    a.enters = Math.min(a.enters, b.enters)
    a.leaves = Math.max(a.leaves, b.leaves)
    a.readers = [...a.readers, ...b.readers].map(Order.find<G>).filter((h) => h !== a)
    return true
  }
}
