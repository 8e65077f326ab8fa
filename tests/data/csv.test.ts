import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { NablaError, setBackend } from 'nabla'
import { CsvDataset, csvFile, readTable } from 'nabla/data'
import { afterAll, describe, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'nabla-csv-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, content: string) => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
/** Nothing but nabla's own errors may come out. */
function onlyOurs(f: () => unknown): void {
  try {
    f()
  } catch (error) {
    if (!(error instanceof NablaError)) throw error
  }
}

describe('CSV', () => {
  test('columns become x, one may be y', () => {
    const text = '\uFEFF"a, b",c,kind\r\n1,-2.5e1,dog\r\n\r\n3,.5,"cat"\r\n'
    const data = new CsvDataset(text, { target: 'kind' })
    expect(data.columns).toEqual(['a, b', 'c'])
    expect(data.x.toArray()).toEqual([
      [1, -25],
      [3, 0.5],
    ])
    expect(data.classes).toEqual(['cat', 'dog'])
    expect(data.y!.dtype).toBe('int32')
    expect(data.get(0).map((t) => t.toArray())).toEqual([[1, -25], 1])
    const path = file('t.csv', '1;2\n3;4\n')
    const plain = csvFile(path, { delimiter: ';', header: false, target: 0 })
    expect(plain.x.toArray()).toEqual([[2], [4]])
    expect(plain.y!.dtype).toBe('float32')
    const filled = new CsvDataset('a,b\n1,\nNA,2\n', { missing: -1, features: ['b', 'a'] })
    expect(filled.x.toArray()).toEqual([
      [-1, 1],
      [2, -1],
    ])
  })

  test.each([
    ['line ends of three kinds', 'a,b\r\n1,2\n3,4\r5,6\n\n', {}],
    ['no line end at the end', 'a,b\n1,2\n3,4\n5,6', {}],
    ['empty lines, some with spaces', '\n\na,b\n\n1,2\n  \n3,4\n\t\n5,6\n\n\n', {}],
    ['a byte order mark', '\uFEFFa,b\n1,2\n3,4\n5,6\n', {}],
    ['bytes with a byte order mark', new TextEncoder().encode('\uFEFFa,b\n1,2\n3,4\n5,6\n'), {}],
    ['semicolons', 'a;b\n1;2\n3;4\n5;6\n', { delimiter: ';' }],
    ['tabs', 'a\tb\r\n1\t2\r\n3\t4\r\n5\t6', { delimiter: '\t' }],
    ['quotes around everything', '"a","b"\r\n"1","2"\r\n"3","4"\r\n"5","6"\r\n', {}],
    ['spaces around cells', ' a , b\n 1,2 \n3 , 4\n5,\t6\n', {}],
    ['decimal commas', 'a;b\n1,0;2\n3;4,00\n"5,0";6\n', { delimiter: ';', decimal: ',' }],
    ['comments', '# by hand\na,b\n1,2\n#3,4\n3,4\n5,6\n', { comment: '#' }],
    ['a line end within quotes', '"a","b"\r\n1,2\r\n3,"\n4"\r\n5,6\r\n', {}],
  ] as const)('%s', (_, content, options) => {
    const data = new CsvDataset(content, options)
    expect(data.columns).toEqual(['a', 'b'])
    expect(data.x.toArray()).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ])
  })

  test('names of columns are only names', () => {
    const data = new CsvDataset('__proto__,constructor,toString\n1,2,b\n3,4,a\n', {
      target: 'toString',
    })
    expect([data.columns, data.classes]).toEqual([
      ['__proto__', 'constructor'],
      ['a', 'b'],
    ])
    expect(() => new CsvDataset('a,b\n1,2\n', { target: 'constructor' })).toThrow(
      'a column must be one of a, b',
    )
    expect(
      () =>
        new CsvDataset('a,b\n1,constructor\n', {
          target: 'b',
          classes: ['x'],
          targetType: 'class',
        }),
    ).toThrow('a class must lie from 0 to 0')
  })

  test('numbers that the type cannot hold are refused where they stand; float64 keeps them', () => {
    for (const cell of ['1e39', '-1e39', '3.5e38'])
      expect(() => new CsvDataset(`a,b\n1,2\n3,${cell}\n`)).toThrow(
        `every number must fit float32; got '${cell}' in row 2 (line 3), column 2 (b). Divide the column, or pass dtype: 'float64'.`,
      )
    expect(() => new CsvDataset('a,b\n1,1e39\n', { target: 'b' })).toThrow('must fit float32')
    expect(() => new CsvDataset('a\n1e309\n', { dtype: 'float64' })).toThrow('must fit float64')
    setBackend('reference')
    const wide = new CsvDataset('a,b\n1e39,0.1\n', { target: 'b', dtype: 'float64' })
    expect([wide.x.toArray(), wide.y.toArray()]).toEqual([[[1e39]], [0.1]])
    setBackend('native')
  })

  test('the line in messages counts every kind of line end', () => {
    expect(() => new CsvDataset('a,b\r\n"1\r\n","2"\r3,x')).toThrow("'x' in row 2 (line 4)")
    expect(() => new CsvDataset('\uFEFFa,b\n\n1,y\n')).toThrow("'y' in row 1 (line 3)")
  })

  test.each([
    ['a,b\n1,2\n\n3,x\n', {}, "got 'x' in row 2 (line 4), column 2 (b)"],
    ['a,b\n1,2\n3\n', {}, 'all rows must have as many cells; got'],
    ['a,b\n1,2\n3\n', {}, 'line 3'],
    ['a,b\n1,0x10\n', {}, "'0x10' in row 1"],
    ['a,b\n1,1e999\n', {}, "'1e999' in row 1"],
    ['a,b\n1,\n', {}, 'Pass missing: 0'],
    [
      'a,k\n1,x\n2,\n',
      { target: 'k' },
      "every example must have a class; got '' in row 2 (line 3), column 2 (k)",
    ],
    ['a,k\n1,x\n2,NA\n', { target: 'k', missing: 0 }, "got 'NA' in row 2 (line 3), column 2 (k)"],
    [
      'a,k\n1,0\n2,\n',
      { target: 'k', targetType: 'class', classes: ['x'] },
      'every example must have a class',
    ],
    ['a,k\n1,0\n2,\n', { target: 'k' }, "every cell must hold a number; got '' in row 2"],
    ['a;b\n1;2\n', {}, 'Pass delimiter: ";"'],
    ['a\tb\n1\t2\n', {}, 'Pass delimiter: "\\t"'],
    ['a;b\n1,5;2\n', { delimiter: ';' }, "Pass decimal: ','"],
    ['a\n1\n', { delimiter: ',', decimal: ',' }, "Such files often have delimiter: ';'"],
    ['a\n1\n', { delimiter: '' }, "the delimiter other than that; got delimiter ''"],
    ['a,b\n"1,2\n', {}, 'Quote Not Closed'],
    ['a,a\n1,2\n', {}, "columns must have different names; got 'a' twice"],
    ['', {}, 'got an empty file'],
    ['a,b\n', {}, 'got a line of names only'],
    ['data/iris.csv', {}, 'csvFile(path) reads a file'],
    ['a,b\n1,2\n', { target: 'c' }, 'a column must be one of a, b; got c'],
    ['a,b\n1,2\n', { features: [2] }, 'a column must be one of a, b; got 2'],
    [
      'a,b\n1,2\n',
      { target: 'b', targetType: 'class', classes: ['x', 'y'] },
      "a class must lie from 0 to 1; got '2' in row 1",
    ],
  ] as const)('says what is wrong and where %#', (text, options, message) => {
    expect(() => new CsvDataset(text, options)).toThrow(message)
  })

  test('any text is a table or an error of ours', () => {
    const cell = fc.oneof(
      fc.double().map(String),
      fc.string({ maxLength: 6 }),
      fc.constantFrom('"', '""', '"a', ',', '\n', '\r\n', '\0', 'NA', '1,2\n3,4\n'),
    )
    fc.assert(
      fc.property(fc.array(cell, { maxLength: 30 }), fc.boolean(), (cells, header) => {
        for (const join of ['', ',', '\n'])
          onlyOurs(() => new CsvDataset(cells.join(join), { header }))
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        onlyOurs(() => readTable(bytes))
      }),
    )
  })

  test('what was written comes back', () => {
    const float = fc.float({ noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }).chain((n) =>
          fc.array(fc.array(float, { minLength: n, maxLength: n }), {
            minLength: 1,
            maxLength: 8,
          }),
        ),
        (rows) => {
          const text = rows.map((r) => r.join(',')).join('\n')
          const got = new CsvDataset(text, { header: false }).x.toArray() as number[][]
          // -0 is written 0.
          expect(got).toEqual(rows.map((r) => r.map((v) => v + 0)))
        },
      ),
    )
  })
})
