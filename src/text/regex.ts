/**
 * Regular expressions of tokenizer.json are those of Oniguruma in Ruby's syntax. This translates them for JavaScript:
 * `\s`, `\w`, `\d` and `\b` of all of Unicode, `^` and `$` at lines, `(?i:…)`, atomic groups and possessive quantifiers,
 * names of scripts, POSIX brackets.
 */
import { refuse } from './json.js'

const WORD = '\\p{L}\\p{M}\\p{N}\\p{Pc}'
const escapes: Record<string, string> = {
  s: '\\p{White_Space}',
  S: '\\P{White_Space}',
  w: `[${WORD}]`,
  W: `[^${WORD}]`,
  d: '\\p{Nd}',
  D: '\\P{Nd}',
  h: '[0-9a-fA-F]',
  H: '[^0-9a-fA-F]',
}
const anchors: Record<string, string> = {
  A: '(?<![\\s\\S])',
  z: '(?![\\s\\S])',
  Z: '(?=\\n?(?![\\s\\S]))',
  b: `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`,
  B: `(?:(?<=[${WORD}])(?=[${WORD}])|(?<![${WORD}])(?![${WORD}]))`,
  R: '(?:\\r\\n|[\\n-\\r\\x85\\u2028\\u2029])',
}
const controls: Record<string, number> = { t: 9, n: 10, v: 11, f: 12, r: 13, a: 7, e: 27 }
const posix: Record<string, string> = {
  alnum: '\\p{L}\\p{M}\\p{Nd}',
  alpha: '\\p{Alphabetic}',
  ascii: '\\x00-\\x7f',
  blank: '\\p{Zs}\\t',
  cntrl: '\\p{Cc}',
  digit: '\\p{Nd}',
  graph: '[\\S--[\\p{Cc}\\p{Cn}\\p{Cs}\\p{White_Space}]]',
  lower: '\\p{Lowercase}',
  print: '[\\P{C}\\p{Cf}\\p{Co}]',
  punct: '\\p{P}\\p{S}',
  space: '\\p{White_Space}',
  upper: '\\p{Uppercase}',
  xdigit: '0-9a-fA-F',
  word: WORD,
}

const literal = (code: number): string =>
  /[A-Za-z0-9 ]/.test(String.fromCodePoint(code))
    ? String.fromCodePoint(code)
    : `\\u{${code.toString(16)}}`
/** A character in both of its cases. */
function bothCases(code: number): string[] {
  const c = String.fromCodePoint(code)
  const found = new Set([c])
  for (const other of [c.toLowerCase(), c.toUpperCase()])
    if (other.length === String.fromCodePoint(other.codePointAt(0)!).length) found.add(other)
  if (/[sS]/.test(c)) found.add('\u017f')
  if (/[kK]/.test(c)) found.add('\u212a')
  return [...found].map((x) => literal(x.codePointAt(0)!))
}

class Translator {
  private at = 0
  private atoms = 0
  private readonly source: string
  private readonly place: string
  constructor(source: string, place: string) {
    this.source = source
    this.place = place
  }
  private fail(why: string): never {
    refuse(
      this.place,
      `must be a regular expression that can be used (${why} at ${this.at})`,
      this.source,
    )
  }
  private peek(): string {
    return this.source[this.at] ?? ''
  }
  private eat(text: string): boolean {
    if (!this.source.startsWith(text, this.at)) return false
    this.at += text.length
    return true
  }
  private match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.source)
    if (found) this.at += found[0].length
    return found
  }
  translate(): string {
    const out = this.alternatives(false)
    if (this.at < this.source.length) this.fail('a bracket that closes nothing')
    return out
  }
  private alternatives(anyCase: boolean): string {
    let out = ''
    let insensitive = anyCase
    let tail = ''
    while (this.at < this.source.length && this.peek() !== ')') {
      if (this.eat('|')) {
        out += '|'
        continue
      }
      const flags = this.match(/\(\?([imx]*)(?:-([imx]*))?\)/y)
      if (flags) {
        if (/[mx]/.test(flags[1]! + (flags[2] ?? ''))) this.fail('the options m and x')
        insensitive = flags[1]!.includes('i') || (insensitive && !flags[2]?.includes('i'))
        // Options hold to the end of the group, over its alternatives too.
        out += '(?:'
        tail += ')'
        continue
      }
      out += this.quantified(insensitive)
    }
    return out + tail
  }
  private quantified(anyCase: boolean): string {
    let atom = this.atom(anyCase)
    for (;;) {
      const found = this.match(/[*+?]|\{(\d+)(,?)(\d*)\}|\{,(\d+)\}/y)
      if (!found) return atom
      if (atom === '') this.fail('a quantifier after nothing')
      const count = found[0].startsWith('{,') ? `{0,${found[4]}}` : found[0]
      if (this.eat('?')) atom += `${count}?`
      else if (!count.startsWith('{') && this.eat('+')) atom = this.atomic(atom + count)
      else atom += count
      if (/[*+?{]/.test(this.peek())) atom = `(?:${atom})`
    }
  }
  /** What matched is not given back: a lookahead that captured it, and then the same text. */
  private atomic(inner: string): string {
    const name = `atom${this.atoms++}`
    return `(?:(?=(?<${name}>${inner}))\\k<${name}>)`
  }
  private atom(anyCase: boolean): string {
    const c = String.fromCodePoint(this.source.codePointAt(this.at)!)
    if (c === '(') return this.group(anyCase)
    if (c === '[') return this.bracket(anyCase)
    if (c === '\\') return this.escape(anyCase)
    this.at += c.length
    if (c === '.') return '[^\\n]'
    if (c === '^') return '(?<![^\\n])'
    if (c === '$') return '(?![^\\n])'
    if (/[*+?]/.test(c)) this.fail('a quantifier after nothing')
    return this.character(c.codePointAt(0)!, anyCase)
  }
  private character(code: number, anyCase: boolean): string {
    const all = anyCase ? bothCases(code) : [literal(code)]
    return all.length > 1 ? `[${all.join('')}]` : all[0]!
  }
  private group(anyCase: boolean): string {
    this.at++
    if (this.match(/\?#[^)]*\)/y)) return ''
    let open = '(?:'
    let insensitive = anyCase
    let atomic = false
    const special = this.match(/\?(?:(<?[=!])|(>)|(:)|([imx]*)(?:-([imx]*))?:|<([A-Za-z_]\w*)>)/y)
    if (special) {
      const [, look, atom, , on, off] = special
      if (look) open = `(?${look}`
      atomic = atom !== undefined
      if (on !== undefined) {
        if (/[mx]/.test(on + (off ?? ''))) this.fail('the options m and x')
        insensitive = on.includes('i') || (anyCase && !off?.includes('i'))
      }
    } else if (this.peek() === '?') this.fail('a group of a kind that is not known')
    const inner = this.alternatives(insensitive)
    if (!this.eat(')')) this.fail('a bracket that is not closed')
    return atomic ? this.atomic(inner) : `${open}${inner})`
  }
  /** `\p{…}` by JavaScript's names. */
  private property(): string | undefined {
    const found = this.match(/\\([pP])\{(\^?)([^}]*)\}/y)
    if (!found) return undefined
    const negated = (found[1] === 'P') !== (found[2] === '^')
    const name = found[3]!.replace(/[\s-]/g, '_')
    const inBracket = posix[name.toLowerCase()]
    if (inBracket) return negated ? `[^${inBracket}]` : `[${inBracket}]`
    const cased = name.replace(/(^|_)([a-z])/g, (_, a: string, b: string) => a + b.toUpperCase())
    for (const n of [name, cased, `Script=${cased}`, `General_Category=${name}`])
      try {
        const text = `\\${negated ? 'P' : 'p'}{${n}}`
        new RegExp(text, 'v')
        return text
      } catch {}
    return this.fail(`no property ${found[3]}`)
  }
  private code(): number | undefined {
    const hex = this.match(/\\x\{([0-9a-fA-F]+)\}|\\x([0-9a-fA-F]{1,2})|\\u([0-9a-fA-F]{4})/y)
    if (hex) {
      const code = Number.parseInt(hex[1] ?? hex[2] ?? hex[3]!, 16)
      if (code > 0x10ffff) this.fail('a character beyond Unicode')
      return code
    }
    const octal = this.match(/\\(0[0-7]{0,2})/y)
    if (octal) return Number.parseInt(octal[1]!, 8)
    const control = this.match(/\\([tnvfrae])/y)
    return control ? controls[control[1]!]! : undefined
  }
  private escape(anyCase: boolean): string {
    const property = this.property()
    if (property) return property
    const code = this.code()
    if (code !== undefined) return this.character(code, anyCase)
    const c = this.source[this.at + 1]
    if (c === undefined) this.fail('a backslash at the end')
    const known = escapes[c] ?? anchors[c]
    if (known) {
      this.at += 2
      return known
    }
    if (/[A-Za-z0-9]/.test(c)) this.fail(`\\${c} is not known`)
    const full = this.source.codePointAt(this.at + 1)!
    this.at += 1 + String.fromCodePoint(full).length
    return this.character(full, anyCase)
  }
  private bracket(anyCase: boolean): string {
    this.at++
    const negated = this.eat('^')
    let out = ''
    let first = true
    while (first || this.peek() !== ']') {
      if (this.at >= this.source.length) this.fail('a class that is not closed')
      if (this.eat('&&')) {
        // The intersection of all before and all after.
        const rest = this.classItems(anyCase)
        out = `[${out}]&&[${rest}]`
        break
      }
      out += this.classItem(anyCase)
      first = false
    }
    if (!this.eat(']')) this.fail('a class that is not closed')
    return `[${negated ? '^' : ''}${out}]`
  }
  private classItems(anyCase: boolean): string {
    let out = ''
    while (this.peek() !== ']') {
      if (this.at >= this.source.length) this.fail('a class that is not closed')
      if (this.eat('&&')) return `[${out}]&&[${this.classItems(anyCase)}]`
      out += this.classItem(anyCase)
    }
    return out
  }
  private classItem(anyCase: boolean): string {
    const named = this.match(/\[:(\^?)(\w+):\]/y)
    if (named) {
      const inside = posix[named[2]!]
      if (!inside) this.fail(`no class ${named[2]}`)
      return named[1] ? `[^${inside}]` : `[${inside}]`
    }
    if (this.peek() === '[') return this.bracket(anyCase)
    const property = this.peek() === '\\' ? this.property() : undefined
    if (property) return property
    const set = this.match(/\\([sSwWdDhH])/y)
    if (set) return escapes[set[1]!]!
    const low = this.classChar()
    const range =
      this.source[this.at] === '-' &&
      !/^-(?:\]|\[|\\[sSwWdDhHpP])/.test(this.source.slice(this.at, this.at + 3))
    if (!range) return anyCase ? bothCases(low).join('') : literal(low)
    this.at++
    const high = this.classChar()
    if (high < low) this.fail('a range that runs backward')
    let out = `${literal(low)}-${literal(high)}`
    if (anyCase)
      for (let code = low; code <= Math.min(high, low + 2000); code++)
        out += bothCases(code).slice(1).join('')
    return out
  }
  private classChar(): number {
    if (this.peek() !== '\\') {
      const code = this.source.codePointAt(this.at)
      if (code === undefined) this.fail('a class that is not closed')
      this.at += String.fromCodePoint(code).length
      return code
    }
    const code = this.code()
    if (code !== undefined) return code
    if (this.match(/\\b/y)) return 8
    const full = this.source.codePointAt(this.at + 1)
    if (full === undefined) this.fail('a backslash at the end')
    this.at += 1 + String.fromCodePoint(full).length
    return full
  }
}

/** A regular expression that does in JavaScript what Oniguruma's does. @throws FileError when it cannot be had */
export function translateRegex(source: string, place: string): RegExp {
  const text = new Translator(source, place).translate()
  try {
    return new RegExp(text, 'gv')
  } catch (error) {
    return refuse(
      place,
      `must be a regular expression that can be used (${(error as Error).message})`,
      source,
    )
  }
}
/** The regular expression for a text as it is. */
export const literalRegex = (text: string): RegExp =>
  new RegExp(Array.from(text, (c) => literal(c.codePointAt(0)!)).join(''), 'gv')

/** What a file's `{ String }` or `{ Regex }` stands for. */
export const patternOf = (
  pattern: { readonly String?: string; readonly Regex?: string },
  place: string,
): RegExp =>
  pattern.Regex === undefined
    ? literalRegex(pattern.String ?? '')
    : translateRegex(pattern.Regex, place)
