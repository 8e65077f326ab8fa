import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { parseSync } from 'oxc-parser'
import { expect, test } from 'vitest'

// What package.json maps these to in a browser.
const hosts: Record<string, string> = {
  '#host': 'src/core/host.browser.ts',
  '#platform': 'src/backends/cpu/platform.browser.ts',
}
const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, { default: string }>
}

/** All that a module brings with it by statements that remain when the types are erased. */
function brought(file: string, seen: Map<string, string>, by: string): void {
  if (seen.has(file)) return
  seen.set(file, by)
  const { staticImports, staticExports } = parseSync(file, readFileSync(file, 'utf8')).module
  const from = [
    ...staticImports
      .filter((i) => i.entries.length === 0 || i.entries.some((e) => !e.isType))
      .map((i) => i.moduleRequest.value),
    ...staticExports.flatMap((e) =>
      e.entries.filter((x) => !x.isType).map((x) => x.moduleRequest?.value),
    ),
  ]
  for (const name of from)
    if (name?.startsWith('.'))
      brought(join(dirname(file), name.replace(/\.js$/, '.ts')), seen, file)
    else if (name && name in hosts) brought(hosts[name]!, seen, file)
    else if (name) seen.set(name, file)
}

const entries = Object.values(exports)
  .map((e) => e.default?.replace('./dist/', 'src/').replace(/\.js$/, '.ts'))
  // What is under cli/ is for the command line.
  .filter((f): f is string => f !== undefined && existsSync(f) && !f.startsWith('src/cli/'))

test.each(entries)('%s brings nothing of Node', (entry) => {
  const seen = new Map<string, string>()
  brought(entry, seen, '')
  expect(seen.size).toBeGreaterThan(1)
  const node = [...seen].filter(([name]) => name.startsWith('node:'))
  expect(node.map(([name, by]) => `${name} in ${relative('.', by)}`)).toEqual([])
})
