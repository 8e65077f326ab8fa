import { writeFileSync } from 'node:fs'
import { penguins } from 'nabla/data'
import { correlationChart, pairChart } from 'nabla/plot'
import {
  correlationMatrix,
  describe,
  kurtosis,
  quantile,
  skewness,
  spearman,
  variance,
} from 'nabla/stats'

// #region one
const marks = [1, 2, 2, 3, 12]
console.log(variance(marks).toFixed(1), variance(marks, { ddof: 1 }).toFixed(1)) //> 16.4 20.5
console.log(quantile(marks, [0.25, 0.5, 0.75])) //> [ 2, 2, 3 ]
console.log(skewness(marks).toFixed(2), kurtosis(marks).toFixed(2)) //> 1.41 0.13
// #endregion one

// #region table
const table = penguins({ dtype: 'float64' })
const { columns } = describe(table) // printed, it is a table
console.log(columns['body mass (g)'].mean.toFixed(1)) //> 4201.8
const r = correlationMatrix(table.x)
console.log(r[2][3].toFixed(3)) //> 0.871
// #endregion table

// #region ranks
console.log(spearman([1, 2, 3, 4], [1, 10, 100, 1000])) //> 1
// #endregion ranks

const species = Array.from(table.y.toTypedArray(), (c) => table.classes[c])
writeFileSync(
  'pictures/statistics-pairs.svg',
  pairChart(table.x, { names: table.columns, groups: species }),
)
writeFileSync('pictures/statistics-correlations.svg', correlationChart(r, { names: table.columns }))
