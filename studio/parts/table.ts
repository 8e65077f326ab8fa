/** Tables of the user's own, as the pages take them: columns of numbers and one of classes. */

export interface Table {
  names: string[]
  /** Cells row by row. */
  rows: string[][]
  /** The columns in which every cell is a number. */
  numeric: boolean[]
}

const isNumber = (cell: string | undefined) =>
  cell !== undefined && cell.trim() !== '' && Number.isFinite(Number(cell))

/** @throws Error for a text that is no table */
export async function readTable(text: string): Promise<Table> {
  const { parse } = await import('csv-parse/browser/esm/sync')
  const head = text.slice(0, 2000)
  const count = (mark: string) => head.split(mark).length
  const delimiter = [',', ';', '\t'].sort((a, b) => count(b) - count(a))[0]!
  const all = parse(text, {
    bom: true,
    delimiter,
    skip_empty_lines: true,
    trim: true,
  }) as string[][]
  const [first, second] = all
  if (!first || !second) throw new Error('CSV: 0–1 rows')
  // A first row of names stands over numbers.
  const named = first.some((cell, i) => !isNumber(cell) && isNumber(second[i]))
  const rows = named ? all.slice(1) : all
  return {
    names: named ? first : first.map((_, i) => `${i + 1}`),
    rows,
    numeric: first.map((_, i) => rows.every((row) => isNumber(row[i]))),
  }
}

/** Columns for `count` numbers and one of classes: as they come, the classes from the end. */
export function guess({ numeric }: Table, count: number, classes: boolean): number[] {
  const all = numeric.map((_, i) => i)
  const texts = all.filter((i) => !numeric[i])
  const label = classes ? (texts.at(-1) ?? all.at(-1)!) : -1
  const numbers = all.filter((i) => numeric[i] && i !== label).slice(0, count)
  return classes ? [...numbers, label] : numbers
}

/** At most so many, over the whole list. */
const spread = <T>(list: readonly T[], most: number) =>
  list.length <= most
    ? [...list]
    : Array.from({ length: most }, (_, i) => list[Math.floor((i * list.length) / most)]!)

/**
 * Rows of the chosen columns: numbers moved and stretched so that each column goes from -half to half (as they are where half
 * is 0), and, where `classes`, the number of the class at the end.
 */
export function take(
  { rows }: Table,
  columns: readonly number[],
  { half, classes, most }: { half: number; classes: boolean; most: number },
): { rows: number[][]; classes: string[] } {
  const label = classes ? columns.at(-1)! : -1
  const numbers = classes ? columns.slice(0, -1) : columns
  const chosen = spread(rows, most)
  const names = classes ? [...new Set(chosen.map((r) => r[label] ?? ''))].sort() : []
  const scaled = numbers.map((c) => {
    const values = chosen.map((r) => Number(r[c]))
    if (half === 0) return values
    const [low, high] = [Math.min(...values), Math.max(...values)]
    return values.map((v) =>
      high > low ? Number((((v - low) / (high - low)) * 2 * half - half).toFixed(3)) : 0,
    )
  })
  return {
    rows: chosen.map((r, i) => [
      ...scaled.map((column) => column[i]!),
      ...(classes ? [names.indexOf(r[label] ?? '')] : []),
    ]),
    classes: names,
  }
}
