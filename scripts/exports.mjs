// Completes package.json from the entries' "default" and "browser" files: every condition that a way of loading needs, and
// what older tools read. After adding an entry run `node scripts/exports.mjs`; a test compares.
import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { root } from './targets.mjs'

/** package.json's "exports", "main", "types" and "typesVersions" from what "exports" names. */
export function exportsOf(exports) {
  const complete = Object.fromEntries(
    Object.entries(exports).map(([name, entry]) => {
      if (typeof entry === 'string') return [name, entry]
      const { default: file, browser } = entry
      const stem = file.replace(/^\.\/dist\//, '').replace(/\.js$/, '')
      return [
        name,
        {
          types: {
            ...(browser && { browser: `./dist/${stem}.d.ts` }),
            require: `./dist/cjs/${stem}.d.ts`,
            default: `./dist/${stem}.d.ts`,
          },
          ...(browser && { browser }),
          // Bundlers for Node, and Node where it can require ES modules; then earlier ones, by require and by import.
          module: file,
          'module-sync': file,
          require: `./dist/cjs/${stem}.js`,
          node: `./dist/cjs/${stem}.mjs`,
          default: file,
        },
      ]
    }),
  )
  const places = Object.entries(complete).filter(([name, e]) => name !== '.' && e.types)
  return {
    main: complete['.'].require,
    types: complete['.'].types.require,
    typesVersions: {
      '*': Object.fromEntries(places.map(([name, { types }]) => [name.slice(2), [types.require]])),
    },
    exports: complete,
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const file = `${root}/package.json`
  const manifest = JSON.parse(readFileSync(file, 'utf8'))
  writeFileSync(
    file,
    `${JSON.stringify({ ...manifest, ...exportsOf(manifest.exports) }, null, 2)}\n`,
  )
}
