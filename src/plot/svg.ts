/** SVG as text: elements, escaped, and how wide a line of text is. */

export type Attributes = Record<string, string | number | undefined>

const special: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}
/** Text escaped for XML, without control characters, which XML forbids. */
const escaped = (text: string): string =>
  text
    .replace(/[&<>"]/g, (c) => special[c]!)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
    .replace(/\p{Surrogate}/gu, '\ufffd')

/** A coordinate with two digits after the point. */
export const px = (v: number): string => `${Math.round(v * 100) / 100}`

/** An element. Children are elements or text that `text` has escaped. */
export function el(name: string, attributes: Attributes, ...children: string[]): string {
  let s = `<${name}`
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined)
      s += ` ${key}="${typeof value === 'number' ? px(value) : escaped(value)}"`
  return children.length > 0 ? `${s}>${children.join('')}</${name}>` : `${s}/>`
}

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f300}-\u{1faff}]/u
const narrow = /[ijl.,:;'|!()[\]]/
/** The width of a text in DejaVu Sans, estimated by its letters and rather too wide than too narrow. */
export function widthOf(text: string, size: number): number {
  let sum = 0
  for (const c of text)
    sum += wide.test(c) ? 1 : narrow.test(c) ? 0.38 : /[A-Zmw]/.test(c) ? 0.76 : 0.64
  return sum * size
}

/** The text, its end replaced by … where it is wider than `room`. */
export function shorten(text: string, size: number, room: number): string {
  if (widthOf(text, size) <= room) return text
  const letters = [...text]
  while (letters.length > 1 && widthOf(`${letters.join('')}…`, size) > room) letters.pop()
  return `${letters.join('')}…`
}

/** A text at a place; one that is shortened shows the whole under the pointer. */
export function text(
  words: string,
  x: number,
  y: number,
  {
    size = 11,
    room = Number.POSITIVE_INFINITY,
    ...rest
  }: Attributes & { size?: number; room?: number } = {},
): string {
  const shown = shorten(words, size, room)
  const whole = shown === words ? [] : [el('title', {}, escaped(words))]
  return el('text', { x, y, 'font-size': size, ...rest }, ...whole, escaped(shown))
}

/** The whole picture on white ground. */
export const picture = (width: number, height: number, ...parts: string[]): string =>
  el(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      'font-family': "'DejaVu Sans', Verdana, Helvetica, Arial, sans-serif",
      fill: '#222',
    },
    el('rect', { width, height, fill: 'white' }),
    ...parts,
  )
