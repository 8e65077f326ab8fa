/** The columns of kernels/program.h say of every elementwise function what TypeScript's tables say. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { cheap } from '../../src/backends/lower/recompute.js'
import { mapFunction } from '../../src/backends/reference/scalar.js'
import { type MapFn, tests } from '../../src/backends/scalar.js'
import { fusedNames } from '../../src/backends/cpu/numbers.js'
import type { DType } from '../../src/core/dtype.js'

const header = readFileSync(new URL('../../kernels/program.h', import.meta.url), 'utf8')
const rows = [
  ...header
    .split('#define NABLA_FUSED_OPS(X)')[1]!
    .split(/(?<!\\)\n/)[0]!
    .matchAll(/X\((\w+), (\d+), (\d), ([FIBS]), (\d)\)/g),
].map(([, name, number, operands, gives, cost]) => ({
  name: name!,
  number: Number(number),
  operands: Number(operands),
  gives: gives!,
  cost: Number(cost),
}))

/** Instructions by names that differ from those of the functions. */
const longer: { [name: string]: MapFn } = { MIN: 'minimum', MAX: 'maximum', MOV: 'copy' }
/** What is no function of scalar.ts: reductions, products that round once, and what changes types. */
const others =
  /^(R(SUM|PROD|MAX|MIN)[FI]|RDOTF|FMAF|FMSF|FNMAF|CONST|RAND|CHECK|[FIB]TO[FIB](32)?|B?HALFF|FLOATF|[IU](8|32)I)$/

test('every instruction has its columns', () => {
  expect(rows.map((r) => r.name.toLowerCase()).join(' ')).toBe(fusedNames)
  expect(rows.map((r) => r.number)).toEqual(rows.map((_, i) => i + 1))
})

const bitwise = new Set(['MOV', 'AND', 'OR', 'XOR', 'NOT', 'WHERE'])
const functions = rows
  .filter((r) => !others.test(r.name))
  .map((r) => {
    const stem = bitwise.has(r.name) ? r.name : r.name.slice(0, -1)
    const dtype: DType = r.name.endsWith('F') && !bitwise.has(r.name) ? 'float32' : 'int32'
    return { ...r, dtype, fn: longer[stem] ?? (stem.toLowerCase() as MapFn) }
  })
test.each(functions)('$name', ({ name, fn, dtype, operands, gives, cost }) => {
  const f = mapFunction(fn, name === 'NOT' ? 'bool' : dtype, dtype)
  expect(f.length, 'operands').toBe(operands)
  expect(gives === 'B', 'a bool').toBe(tests.has(fn))
  if (gives === 'F' || gives === 'I') expect(gives).toBe(dtype === 'float32' ? 'F' : 'I')
  expect(cost === 1, 'cheap enough to compute again').toBe(cheap.has(fn))
})
