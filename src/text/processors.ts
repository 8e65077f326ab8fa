/** Post-processors of tokenizer.json: special tokens around a text or a pair, and trimmed offsets. */
import { Encoding } from './encoding.js'
import {
  type Config,
  type Field,
  fields,
  isObject,
  type Json,
  readFields,
  readType,
  refuse,
  type Written,
} from './json.js'
import { byteChars, classOf, WHITE } from './unicode.js'

/** Works on the encodings of one text or of two. */
export interface Process {
  /** How many tokens it adds. */
  added(pair: boolean): number
  apply(list: readonly Encoding[], addSpecial: boolean): Encoding[]
}
type NameOf = (id: number) => string | undefined
interface Kind {
  readonly fields: { readonly [name: string]: Field }
  make(config: Config, place: string, nameOf: NameOf): Process
}

/** A place in a template: a text, or tokens that are added. */
interface Slot {
  readonly sequence?: number
  readonly tokens?: readonly (readonly [string, number])[]
  readonly typeId: number
}

function specialTokens(
  tokens: readonly (readonly [string, number])[],
  typeId: number,
  nameOf: NameOf,
): Encoding {
  const n = tokens.length
  return new Encoding(
    {
      ids: Int32Array.from(tokens, ([, id]) => id),
      starts: new Int32Array(n),
      ends: new Int32Array(n),
      words: new Int32Array(n).fill(-1),
      typeIds: new Int32Array(n).fill(typeId),
      special: new Uint8Array(n).fill(1),
      attention: new Uint8Array(n).fill(1),
      texts: new Map(tokens.map(([token], i) => [i, token])),
    },
    nameOf,
  )
}

function template(single: readonly Slot[], pair: readonly Slot[], nameOf: NameOf): Process {
  const count = (slots: readonly Slot[]) => slots.reduce((n, s) => n + (s.tokens?.length ?? 0), 0)
  return {
    added: (both) => count(both ? pair : single),
    apply(list, addSpecial) {
      const out: Encoding[] = []
      for (const { sequence, tokens, typeId } of list.length === 2 ? pair : single) {
        if (sequence !== undefined) {
          const encoding = list[sequence]!
          encoding.typeIds.fill(typeId)
          encoding.ranges.set(sequence, [0, encoding.length])
          out.push(encoding)
        } else if (addSpecial) out.push(specialTokens(tokens!, typeId, nameOf))
      }
      return out
    },
  }
}

/** Offsets without the white space at both ends of tokens of a byte-level vocabulary. */
function trimOffsets(e: Encoding, prefixSpace: boolean): void {
  const space = byteChars[32]!
  const counts = (chars: string[]): number => {
    let n = 0
    while (n < chars.length && (chars[n] === space || classOf(chars[n]!.codePointAt(0)!) & WHITE))
      n++
    return n
  }
  e.tokens.forEach((token, i) => {
    const chars = [...token]
    let leading = counts(chars)
    const trailing = counts(chars.reverse())
    if (leading > 0) {
      // The space that was put before the first word is not in the text.
      if ((i === 0 || e.starts[i] === 0) && prefixSpace && leading === 1) leading = 0
      e.starts[i] = Math.min(e.starts[i]! + leading, e.ends[i]!)
    }
    if (trailing > 0 && e.ends[i]! >= trailing)
      e.ends[i] = Math.max(e.ends[i]! - trailing, e.starts[i]!)
  })
}
const trimAll = (list: readonly Encoding[], prefixSpace: boolean): void => {
  for (const e of list) for (const part of [e, ...e.overflowing]) trimOffsets(part, prefixSpace)
}

/** The slots of a template: a list as in the file, or a text such as `[CLS] $A:0 [SEP]:1`. */
function readSlots(
  place: string,
  value: Json,
): {
  Sequence?: { id: string; type_id: number }
  SpecialToken?: { id: string; type_id: number }
}[] {
  const pieces = typeof value === 'string' ? value.split(' ') : value
  if (!Array.isArray(pieces)) refuse(place, 'must be a list or a text', value)
  return pieces.map((piece: Json, i: number) => {
    const at = `${place}[${i}]`
    if (typeof piece === 'string') {
      const sequence = /^\$(?:([ABab])(?::(\d+))?|(\d+))?$/.exec(piece)
      if (sequence)
        return {
          Sequence: {
            id: (sequence[1] ?? 'A').toUpperCase(),
            type_id: Number(sequence[2] ?? sequence[3] ?? 0),
          },
        }
      const token = /^([^$].*?)(?::(\d+))?$/.exec(piece)
      if (!token) refuse(at, 'must be $A, $B or a token, with :N for a type id', piece)
      return { SpecialToken: { id: token[1]!, type_id: Number(token[2] ?? 0) } }
    }
    const [name, ...others] = isObject(piece) ? Object.keys(piece) : []
    const inner = isObject(piece) && name ? piece[name] : undefined
    if (others.length > 0 || (name !== 'Sequence' && name !== 'SpecialToken') || !isObject(inner))
      refuse(at, 'must be { Sequence } or { SpecialToken }', piece)
    const { id, type_id } = readFields(at, inner, {
      id: name === 'Sequence' ? fields.oneOf(['A', 'B']) : fields.text(),
      type_id: fields.whole(),
    }) as { id: string; type_id: number }
    return name === 'Sequence' ? { Sequence: { id, type_id } } : { SpecialToken: { id, type_id } }
  })
}
interface Special {
  readonly id: string
  readonly ids: readonly number[]
  readonly tokens: readonly string[]
}
function readSpecials(place: string, value: Json): Map<string, Special> {
  const out = new Map<string, Special>()
  // A list of pairs of token and id is a shorter form.
  if (Array.isArray(value)) {
    value.forEach((item: Json, i) => {
      if (!fields.tokenId.holds(item)) refuse(`${place}[${i}]`, fields.tokenId.rule, item)
      const [token, id] = item as unknown as [string, number]
      out.set(token, { id: token, ids: [id], tokens: [token] })
    })
    return out
  }
  if (!isObject(value)) refuse(place, 'must be an object', value)
  for (const [name, item] of Object.entries(value)) {
    const at = `${place}[${JSON.stringify(name)}]`
    if (!isObject(item)) refuse(at, 'must be an object', item)
    const special = readFields(at, item, {
      id: fields.text(),
      ids: fields.list(),
      tokens: fields.list(),
    }) as unknown as Special
    if (
      special.ids.length !== special.tokens.length ||
      !special.ids.every((id) => Number.isInteger(id))
    )
      refuse(at, 'must have an id for each token', special.ids)
    if (!special.tokens.every((t) => typeof t === 'string'))
      refuse(at, 'must have tokens that are strings')
    out.set(name, special)
  }
  return out
}

const framed = (name: 'BertProcessing' | 'RobertaProcessing'): Kind => ({
  fields: {
    sep: fields.tokenId,
    cls: fields.tokenId,
    ...(name === 'RobertaProcessing' && {
      trim_offsets: fields.flag(),
      add_prefix_space: fields.flag(),
    }),
  },
  make(c, _place, nameOf) {
    const sep = c.sep as unknown as [string, number]
    const cls = c.cls as unknown as [string, number]
    const roberta = name === 'RobertaProcessing'
    const first: Slot[] = [
      { tokens: [cls], typeId: 0 },
      { sequence: 0, typeId: 0 },
      { tokens: [sep], typeId: 0 },
    ]
    const typeId = roberta ? 0 : 1
    const second: Slot[] = [
      ...(roberta ? [{ tokens: [sep], typeId: 0 }] : []),
      { sequence: 1, typeId },
      { tokens: [sep], typeId },
    ]
    const frame = template(first, [...first, ...second], nameOf)
    return {
      added: frame.added,
      apply(list, addSpecial) {
        if (roberta) {
          if (c.trim_offsets === true) trimAll(list, c.add_prefix_space === true)
          for (const e of list) for (const part of [e, ...e.overflowing]) part.typeIds.fill(0)
        }
        return addSpecial ? frame.apply(list, true) : [...list]
      },
    }
  },
})

const kinds: Readonly<Record<string, Kind>> = {
  BertProcessing: framed('BertProcessing'),
  RobertaProcessing: framed('RobertaProcessing'),
  ByteLevel: {
    fields: {
      add_prefix_space: fields.flag(),
      trim_offsets: fields.flag(),
      use_regex: fields.flag(true),
    },
    make: (c) => ({
      added: () => 0,
      apply(list) {
        if (c.trim_offsets === true) trimAll(list, c.add_prefix_space === true)
        return [...list]
      },
    }),
  },
  TemplateProcessing: {
    fields: {},
    make: (c, place, nameOf) => {
      const specials = readSpecials(`${place}.special_tokens`, c.special_tokens!)
      const slots = (value: Json, name: string): Slot[] =>
        readSlots(`${place}.${name}`, value).map(({ Sequence, SpecialToken }, i) => {
          if (Sequence) return { sequence: Sequence.id === 'A' ? 0 : 1, typeId: Sequence.type_id }
          const special = specials.get(SpecialToken!.id)
          if (!special)
            refuse(
              `${place}.${name}[${i}]`,
              'must name a token of special_tokens',
              SpecialToken!.id,
            )
          return {
            tokens: special.tokens.map((token, k) => [token, special.ids[k]!] as const),
            typeId: SpecialToken!.type_id,
          }
        })
      const single = slots(c.single!, 'single')
      if (single.some((s) => s.sequence === 1)) refuse(`${place}.single`, 'must have $A only', '$B')
      const pair = slots(c.pair!, 'pair')
      for (const id of [0, 1])
        if (!pair.some((s) => s.sequence === id))
          refuse(`${place}.pair`, 'must have both $A and $B', c.pair)
      return template(single, pair, nameOf)
    },
  },
  Sequence: {
    fields: { processors: fields.list() },
    make: (c, place, nameOf) => {
      const all = (c.processors as readonly Json[]).map(
        (p, i) => makeProcessor(p, nameOf, `${place}.processors[${i}]`).process,
      )
      return {
        added: (pair) => all.reduce((n, p) => n + p.added(pair), 0),
        apply: (list, addSpecial) =>
          all.reduce<Encoding[]>((l, p) => p.apply(l, addSpecial), [...list]),
      }
    },
  },
}

/** A post-processor and its form in the file. @throws FileError */
export function makeProcessor(
  value: Json,
  nameOf: NameOf,
  place = 'post_processor',
): { config: Config | ReadonlyMap<string, Written>; process: Process } {
  const given = readType(place, value, Object.keys(kinds))
  const kind = kinds[given.type]!
  if (given.type === 'TemplateProcessing') {
    const { single, pair, special_tokens } = readFields(place, given, {
      single: { rule: '', holds: () => true },
      pair: { rule: '', holds: () => true, otherwise: '$A:0 $B:1' },
      special_tokens: { rule: '', holds: () => true, otherwise: {} },
    }) as Record<string, Json>
    const full: Config = {
      type: given.type,
      single: single!,
      pair: pair!,
      special_tokens: special_tokens!,
    }
    const specials = readSpecials(`${place}.special_tokens`, special_tokens!)
    const config = new Map<string, Written>([
      ['type', given.type],
      ['single', readSlots(`${place}.single`, single!) as unknown as Written],
      ['pair', readSlots(`${place}.pair`, pair!) as unknown as Written],
      [
        'special_tokens',
        new Map(
          [...specials]
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([name, { id, ids, tokens }]) => [name, { id, ids, tokens } as Written]),
        ),
      ],
    ])
    return { config, process: kind.make(full, place, nameOf) }
  }
  const config: Config = { type: given.type, ...readFields(place, given, kind.fields) }
  const process = kind.make(config, place, nameOf)
  if (given.type !== 'Sequence') return { config, process }
  const processors = (given.processors as readonly Json[]).map(
    (p, i) => makeProcessor(p, nameOf, `${place}.processors[${i}]`).config,
  )
  return {
    config: new Map<string, Written>([
      ['type', 'Sequence'],
      ['processors', processors as Written[]],
    ]),
    process,
  }
}
