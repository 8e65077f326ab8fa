/** A small matrix as a table of numbers with colours. */
import { css } from './colors.js'
import { Scroll } from './Scroll.js'

export function MatrixTable({
  data,
  rows,
  columns,
  rowNames,
  columnNames,
  scale,
  label,
  digits = 2,
}: {
  data: ArrayLike<number>
  rows: number
  columns: number
  rowNames?: readonly string[]
  columnNames?: readonly string[]
  /** The number of full colour. */
  scale: number
  label: string
  digits?: number
}) {
  const number = (v: number) => (v === Number.NEGATIVE_INFINITY ? '−∞' : v.toFixed(digits))
  return (
    <Scroll label={label}>
      <table class="matrix">
        <caption>
          {label}{' '}
          <span class="muted">
            {rows} × {columns}
          </span>
        </caption>
        {columnNames && (
          <thead>
            <tr>
              {rowNames && <td />}
              {columnNames.map((name, i) => (
                <th key={i} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
        )}
        <tbody>
          {Array.from({ length: rows }, (_, r) => (
            <tr key={r}>
              {rowNames && <th scope="row">{rowNames[r]}</th>}
              {Array.from({ length: columns }, (__, c) => {
                const v = data[r * columns + c]!
                // Half of the colour, so that the number is read on it.
                return (
                  <td
                    key={c}
                    style={{
                      background: css(
                        Number.isFinite(v) ? Math.max(-0.3, Math.min(0.3, (0.3 * v) / scale)) : 0,
                      ),
                    }}
                  >
                    {number(v)}
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}
