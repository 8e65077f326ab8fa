/** The imports of every file of src/, read by a parser. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'oxc-parser'

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const src = join(root, 'src')

export const sources: string[] = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((f) => f.endsWith('.ts'))
  .sort()

export interface Import {
  /** As written: `../core/shape.js`, `#platform`, `node:fs`, `commander`. */
  name: string
  /** Gone after compiling. */
  typeOnly: boolean
}

/** What a file of src/ imports or exports again, statically or by `import('...')`. */
export function importsOf(file: string): Import[] {
  const text = readFileSync(join(src, file), 'utf8')
  const { module, errors } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`)
  return [
    ...module.staticImports.map((i) => ({
      name: i.moduleRequest.value,
      typeOnly: i.entries.length > 0 && i.entries.every((e) => e.isType),
    })),
    ...module.staticExports.flatMap((e) =>
      e.entries.flatMap((x) =>
        x.moduleRequest ? [{ name: x.moduleRequest.value, typeOnly: x.isType }] : [],
      ),
    ),
    ...module.dynamicImports.flatMap((d) => {
      const name = /^'(.*)'$/.exec(text.slice(d.moduleRequest.start, d.moduleRequest.end))?.[1]
      return name ? [{ name, typeOnly: false }] : []
    }),
  ]
}

/** The file of src/ that a relative import of `from` means. */
export const resolve = (from: string, name: string): string =>
  relative(src, join(src, dirname(from), name)).replace(/\.js$/, '.ts')
