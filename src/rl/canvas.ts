/** Pictures out of characters. */
type Place = readonly [column: number, row: number]

/** A sheet of characters to draw on; what lies outside of it is left out. */
export function canvas(width: number, height: number) {
  const rows = Array.from({ length: height }, () => new Array<string>(width).fill(' '))
  const dot = ([x, y]: Place, character: string) => {
    const [i, j] = [Math.round(x), Math.round(y)]
    if (rows[j]?.[i] !== undefined) rows[j][i] = character
  }
  return {
    dot,
    line([x1, y1]: Place, [x2, y2]: Place, character: string) {
      const n = Math.max(1, Math.ceil(Math.max(Math.abs(x2 - x1), Math.abs(y2 - y1))))
      for (let i = 0; i <= n; i++)
        dot([x1 + ((x2 - x1) * i) / n, y1 + ((y2 - y1) * i) / n], character)
    },
    text: () => rows.map((row) => row.join('').trimEnd()).join('\n'),
  }
}
