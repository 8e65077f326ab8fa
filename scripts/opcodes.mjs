// Writes the numbers of kernels/program.h as TypeScript: what is added there is known here with the next build.
// `node scripts/opcodes.mjs`, which `npm run build` does.
import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { root } from './targets.mjs'

/** Names and numbers of one of the X-macros. */
function table(header, macro) {
  const text = header.split(`#define ${macro}(X)`)[1].split(/(?<!\\)\n/)[0]
  return [...text.matchAll(/X\((\w+), (\d+)[,)]/g)].map(([, name, value]) => [name, Number(value)])
}

const head = '// Made from kernels/program.h by scripts/opcodes.mjs; not to be changed by hand.\n'
/** The files, by their names in src/backends/cpu. */
export function opcodesFiles() {
  const header = readFileSync(`${root}/kernels/program.h`, 'utf8')
  const constant = ([name, value]) => `export const ${name} = ${value}\n`
  const fused = table(header, 'NABLA_FUSED_OPS')
  if (fused.some(([, value], i) => value !== i + 1))
    throw new Error(
      'kernels/program.h: the instructions of fused kernels are numbered 1, 2, 3 and so on',
    )
  const names = fused.map(([name]) => name.toLowerCase()).join(' ')
  return {
    // A constant each: bundlers put the numbers where they are read, and the names go.
    'instructions.ts': `${head}${table(header, 'NABLA_OPCODES').map(constant).join('')}`,
    'numbers.ts': `${head}/** Instructions of fused kernels, in the order of their numbers, from 1 up. */
export const fusedNames =
  ${names
    .match(/.{1,90}(?: |$)/g)
    .map((line) => `'${line}'`)
    .join(' +\n  ')}
`,
  }
}

/** Writes the files that are not what the header gives. */
export function writeOpcodes() {
  for (const [name, text] of Object.entries(opcodesFiles())) {
    const path = `${root}/src/backends/cpu/${name}`
    let before
    try {
      before = readFileSync(path, 'utf8')
    } catch {}
    if (before !== text) writeFileSync(path, text)
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) writeOpcodes()
