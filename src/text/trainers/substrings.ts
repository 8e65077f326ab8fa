/** Substrings that repeat: the inner nodes of the suffix tree of all words. */

/** Ranks of all suffixes by their first `depth` symbols, by doubling (Manber and Myers, 1993). */
function sortSuffixes(symbols: Int32Array, depth: number): Int32Array {
  const n = symbols.length
  let order: Int32Array = Int32Array.from({ length: n }, (_, i) => i)
  let rank: Int32Array = Int32Array.from(symbols)
  let highest = 0
  for (const s of symbols) highest = Math.max(highest, s)
  let next: Int32Array = new Int32Array(n)
  const counting = (keyOf: (i: number) => number, keys: number, from: Int32Array): Int32Array => {
    const starts = new Int32Array(keys + 1)
    for (let i = 0; i < n; i++) starts[keyOf(from[i]!) + 1]!++
    for (let k = 1; k <= keys; k++) starts[k]! += starts[k - 1]!
    const out = new Int32Array(n)
    for (let i = 0; i < n; i++) out[starts[keyOf(from[i]!)]!++] = from[i]!
    return out
  }
  order = counting((i) => rank[i]!, highest + 1, order)
  const ranks = (same: (a: number, b: number) => boolean): number => {
    let r = 0
    for (let k = 0; k < n; k++) {
      if (k > 0 && !same(order[k - 1]!, order[k]!)) r++
      next[order[k]!] = r
    }
    ;[rank, next] = [next, rank]
    return r + 1
  }
  let kinds = ranks((a, b) => symbols[a] === symbols[b])
  for (let width = 1; width < depth && kinds < n; width *= 2) {
    const second = (i: number) => (i + width < n ? rank[i + width]! + 1 : 0)
    order = counting(second, kinds + 1, order)
    order = counting((i) => rank[i]!, kinds, order)
    kinds = ranks((a, b) => rank[a] === rank[b] && second(a) === second(b))
  }
  return order
}

export interface Substring {
  readonly text: string
  /** How often it comes. */
  readonly count: number
}

/**
 * Substrings of 2 to `longest` characters that come at least twice and are followed by different characters (an end of a
 * word is one too), with how often each comes.
 */
export function repeatedSubstrings(words: readonly string[], longest: number): Substring[] {
  // Symbols in the order of characters; 0 ends a word.
  const codes = new Set<number>()
  for (const word of words) for (const c of word) codes.add(c.codePointAt(0)!)
  codes.delete(0)
  const sorted = [...codes].sort((a, b) => a - b)
  const symbolOf = new Map(sorted.map((code, i) => [code, i + 1]))
  const list: number[] = []
  for (const word of words) {
    for (const c of word) list.push(symbolOf.get(c.codePointAt(0)!) ?? 0)
    list.push(0)
  }
  const symbols = Int32Array.from(list)
  const n = symbols.length
  const depth = longest + 1
  const order = sortSuffixes(symbols, depth)
  const common = (a: number, b: number): number => {
    let k = 0
    while (k < depth && a + k < n && b + k < n && symbols[a + k] === symbols[b + k]) k++
    return k
  }
  const out: Substring[] = []
  const emit = (at: number, size: number, count: number) => {
    if (size < 2 || size > longest) return
    let text = ''
    for (let i = at; i < at + size; i++) {
      if (symbols[i] === 0) return
      text += String.fromCodePoint(sorted[symbols[i]! - 1]!)
    }
    out.push({ text, count })
  }
  // Intervals of suffixes with a common beginning, as a stack of (length, first suffix).
  const sizes: number[] = [0]
  const lefts: number[] = [0]
  for (let k = 1; k <= n; k++) {
    const size = k < n ? common(order[k - 1]!, order[k]!) : 0
    let left = k - 1
    while (sizes.at(-1)! > size) {
      left = lefts.pop()!
      emit(order[left]!, sizes.pop()!, k - left)
    }
    if (sizes.at(-1)! < size) {
      sizes.push(size)
      lefts.push(left)
    }
  }
  return out
}
