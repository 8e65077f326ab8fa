/** A table of the user's own: a CSV file dropped or chosen, and which of its columns the page takes. */
import { useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { type Text, t } from '../text.js'
import { DropFile } from './DropFile.js'
import { guess, readTable, type Table, take } from './table.js'

const words = {
  file: ['A table of your own (CSV)', '自己的表格（CSV）'],
  few: [
    'The table has too few columns of numbers for this page: it takes at least',
    '表格的数字列太少，本页至少需要',
  ],
  many: [
    'The table has too many classes for this page: it takes at most',
    '表格的类别太多，本页最多',
  ],
  short: [
    'The table has too few rows for this page: it takes at least',
    '表格的行数太少，本页至少需要',
  ],
  large: ['The table has numbers beyond', '表格里有数超过'],
  noTable: ['it holds no table of rows and columns', '里面没有由行和列组成的表格'],
  rows: ['rows', '行'],
} as const satisfies Record<string, Text>

export function TableInput({
  roles,
  extra = 0,
  half,
  classes = 0,
  optional = false,
  least = 1,
  most = 400,
  largest = 1e9,
  onRows,
}: {
  /** The columns that the page takes, the one of classes last. */
  roles: readonly (Text | string)[]
  /** Numbers beyond the roles that the page takes where there are more. */
  extra?: number
  /** Numbers go from -half to half; 0 leaves them as they are. */
  half: number
  /** The most classes; 0 where the last role is none of classes. */
  classes?: number
  /** A table without a column of texts has one class, 0, and no column is taken for it. */
  optional?: boolean
  /** Rows at least. */
  least?: number
  /** Rows at most: a link holds them. */
  most?: number
  /** The greatest size of a number. */
  largest?: number
  onRows: (rows: number[][], classes: string[], columns: string[]) => void
}) {
  const id = useId()
  const table = useSignal<Table | undefined>(undefined)
  const chosen = useSignal<number[]>([])
  const count = useSignal(0)
  const trouble = useSignal<string | undefined>(undefined)
  const hasLabel = ({ numeric }: Table) => classes > 0 && !(optional && numeric.every(Boolean))
  const use = (found: Table, columns: number[]) => {
    const labelled = hasLabel(found)
    const taken = take(found, columns, { half, classes: labelled, most })
    if (taken.classes.length > classes && labelled) throw new Error(`${t(words.many)} ${classes}`)
    if (taken.rows.length < least) throw new Error(`${t(words.short)} ${least}`)
    if (taken.rows.some((row) => row.some((v) => Math.abs(v) > largest)))
      throw new Error(`${t(words.large)} ${largest}`)
    trouble.value = undefined
    table.value = found
    chosen.value = columns
    count.value = taken.rows.length
    const rows = classes > 0 && !labelled ? taken.rows.map((row) => [...row, 0]) : taken.rows
    const names = labelled ? columns.slice(0, -1) : columns
    onRows(
      rows,
      taken.classes,
      names.map((c) => found.names[c]!),
    )
  }
  const numbers = roles.length - (classes > 0 ? 1 : 0)
  const found = table.value
  const fits = (i: number, role: number) =>
    found?.numeric[i] || (classes > 0 && role === roles.length - 1)
  return (
    <div class="table-input">
      <DropFile
        label={words.file}
        accept=".csv,.tsv,.txt,text/csv"
        onFile={async (file) => {
          const read = await readTable(await file.text()).catch(() => {
            throw new Error(t(words.noTable))
          })
          const columns = guess(read, numbers + extra, hasLabel(read))
          if (columns.length < numbers + Number(hasLabel(read)))
            throw new Error(`${t(words.few)} ${numbers}`)
          use(read, columns)
        }}
      />
      {found && (
        <div class="row small">
          <span>
            {count.value} {t(words.rows)}
          </span>
          {extra === 0 &&
            roles.map((role, r) => (
              <span key={r}>
                <label for={`${id}${r}`}>{typeof role === 'string' ? role : t(role)}</label>{' '}
                <select
                  id={`${id}${r}`}
                  value={`${chosen.value[r]}`}
                  onChange={(e) => {
                    const columns = chosen.value.with(r, Number(e.currentTarget.value))
                    trouble.value = undefined
                    try {
                      use(found, columns)
                    } catch (error) {
                      // A column of too many classes: the choice stays as it was.
                      e.currentTarget.value = `${chosen.value[r]}`
                      trouble.value = error instanceof Error ? error.message : `${error}`
                    }
                  }}
                >
                  {found.names.map((name, i) =>
                    fits(i, r) ? (
                      <option key={i} value={`${i}`}>
                        {name}
                      </option>
                    ) : null,
                  )}
                </select>
              </span>
            ))}
        </div>
      )}
      {trouble.value !== undefined && (
        <p class="trouble" role="alert">
          {trouble.value}
        </p>
      )}
    </div>
  )
}
