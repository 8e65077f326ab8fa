/** Lengths of encodings: truncation and padding, as they stand in tokenizer.json and as they are done. */
import { ValueError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'
import type { Direction, Encoding } from './encoding.js'
import { fields, isObject, type Json, readFields, refuse, type Written } from './json.js'

/** How texts that are too long are cut. */
export interface TruncationOptions {
  maxLength: number
  /** Which text of a pair is cut; `LongestFirst` when not given. */
  strategy?: 'LongestFirst' | 'OnlyFirst' | 'OnlySecond'
  /** Tokens that the parts of a text share. */
  stride?: number
  /** The side that is cut. */
  direction?: Direction
}
/** How texts that are too short are filled. */
export interface PaddingOptions {
  /** All to this length; to the longest of the batch when not given. */
  length?: number | null
  direction?: Direction
  padToMultipleOf?: number | null
  padId?: number
  padTypeId?: number
  padToken?: string
}
export interface Lengths {
  truncation?: Required<TruncationOptions>
  padding?: Required<PaddingOptions>
}
/** What the file says. @throws FileError */
export function readLengths(truncation: Json, padding: Json): Lengths {
  const out: Lengths = {}
  if (truncation !== null) {
    if (!isObject(truncation)) refuse('truncation', 'must be an object or null', truncation)
    const t = readFields('truncation', truncation, {
      direction: fields.oneOf(['Left', 'Right'], 'Right'),
      max_length: fields.whole(),
      strategy: fields.oneOf(['LongestFirst', 'OnlyFirst', 'OnlySecond']),
      stride: fields.whole(),
    })
    out.truncation = {
      maxLength: t.max_length as number,
      strategy: t.strategy as 'LongestFirst',
      stride: t.stride as number,
      direction: t.direction as Direction,
    }
  }
  if (padding === null) return out
  if (!isObject(padding)) refuse('padding', 'must be an object or null', padding)
  const p = readFields('padding', padding, {
    strategy: {
      rule: "must be 'BatchLongest' or { Fixed }",
      holds: (v) =>
        v === 'BatchLongest' ||
        (isObject(v) && Number.isInteger(v.Fixed) && (v.Fixed as number) >= 0),
    },
    direction: fields.oneOf(['Left', 'Right']),
    pad_to_multiple_of: fields.wholeOrNull,
    pad_id: fields.whole(),
    pad_type_id: fields.whole(),
    pad_token: fields.text(),
  })
  out.padding = {
    length: isObject(p.strategy!) ? (p.strategy.Fixed as number) : null,
    direction: p.direction as Direction,
    padToMultipleOf: p.pad_to_multiple_of as number | null,
    padId: p.pad_id as number,
    padTypeId: p.pad_type_id as number,
    padToken: p.pad_token as string,
  }
  return out
}

export const writtenTruncation = (t: Required<TruncationOptions>): Written => ({
  direction: t.direction,
  max_length: t.maxLength,
  strategy: t.strategy,
  stride: t.stride,
})
export const writtenPadding = (p: Required<PaddingOptions>): Written => ({
  strategy: p.length === null ? 'BatchLongest' : { Fixed: p.length },
  direction: p.direction,
  pad_to_multiple_of: p.padToMultipleOf,
  pad_id: p.padId,
  pad_type_id: p.padTypeId,
  pad_token: p.padToken,
})

/** Options with their defaults. @throws ValueError */
export function fullTruncation(options: TruncationOptions): Required<TruncationOptions> {
  const {
    maxLength,
    strategy = 'LongestFirst',
    stride = 0,
    direction = 'Right',
  } = checkOptions('setTruncation', options, ['maxLength', 'strategy', 'stride', 'direction'])
  if (!(Number.isInteger(maxLength) && maxLength >= 0 && Number.isInteger(stride) && stride >= 0))
    throw new ValueError({
      op: 'setTruncation',
      rule: 'maxLength and stride must be whole numbers from 0',
      got: `${maxLength} and ${stride}`,
    })
  return { maxLength, strategy, stride, direction }
}
/** Options with their defaults; `idOf` knows the id of the token that fills. @throws ValueError */
export function fullPadding(
  options: PaddingOptions,
  idOf: (token: string) => number | undefined,
): Required<PaddingOptions> {
  const {
    length = null,
    direction = 'Right',
    padToMultipleOf = null,
    padToken = '[PAD]',
    padId = idOf(padToken) ?? 0,
    padTypeId = 0,
  } = checkOptions('setPadding', options, [
    'length',
    'direction',
    'padToMultipleOf',
    'padId',
    'padTypeId',
    'padToken',
  ])
  return { length, direction, padToMultipleOf, padId, padTypeId, padToken }
}

/** Cuts one text or two so that, with so many tokens that are added, they are not too long. @throws ValueError */
export function truncateAll(
  list: Encoding[],
  t: Required<TruncationOptions>,
  added: number,
): Encoding[] {
  const maxLength = Math.max(0, t.maxLength - added)
  const cut = (e: Encoding, n: number) => e.truncate(n, t.stride, t.direction)
  if (maxLength === 0) return list.map((e) => cut(e, 0))
  const lengths = list.map((e) => e.length)
  const total = lengths.reduce((n, l) => n + l, 0)
  if (total <= maxLength) return list
  if (t.strategy === 'LongestFirst') {
    if (list.length === 1) return [cut(list[0]!, maxLength)]
    const swap = lengths[0]! > lengths[1]!
    let [short, long] = swap ? [lengths[1]!, lengths[0]!] : [lengths[0]!, lengths[1]!]
    long = short > maxLength ? short : Math.max(short, maxLength - short)
    if (short + long > maxLength) {
      short = Math.floor(maxLength / 2)
      long = short + (maxLength % 2)
    }
    const [first, second] = swap ? [long, short] : [short, long]
    return [cut(list[0]!, first), cut(list[1]!, second)]
  }
  const which = t.strategy === 'OnlyFirst' ? 0 : 1
  const target = list[which]
  const remove = total - maxLength
  if (!target || target.length <= remove)
    throw new ValueError({
      op: 'encode',
      rule: `the ${which === 0 ? 'first' : 'second'} text must be longer than what truncation takes away`,
      got: target ? `${target.length} tokens, of which ${remove} are too many` : 'no second text',
      fix: "Use the strategy 'LongestFirst'.",
    })
  return list.map((e, i) => (i === which ? cut(e, e.length - remove) : e))
}

/** Fills all to one length. */
export function padAll(list: Encoding[], p: Required<PaddingOptions> | undefined): Encoding[] {
  if (!p || list.length === 0) return list
  let length = p.length ?? Math.max(...list.map((e) => e.length))
  if (p.padToMultipleOf) length = Math.ceil(length / p.padToMultipleOf) * p.padToMultipleOf
  return list.map((e) => e.pad(length, p.padId, p.padTypeId, p.padToken, p.direction))
}

/** Offsets by characters instead of code units. */
export function toChars(text: string, e: Encoding): void {
  const place = new Int32Array(text.length + 1)
  let n = 0
  for (let i = 0; i < text.length; i++) {
    place[i] = n
    if (text.codePointAt(i)! > 0xffff) {
      place[++i] = n + 1
    }
    n++
  }
  place[text.length] = n
  for (let i = 0; i < e.length; i++) {
    e.starts[i] = place[e.starts[i]!]!
    e.ends[i] = place[e.ends[i]!]!
  }
}
