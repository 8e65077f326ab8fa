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

export function opcodesFile() {
  const header = readFileSync(`${root}/kernels/program.h`, 'utf8')
  const object = (name, entries) =>
    `export const ${name} = {\n${entries.map(([key, value]) => `  ${key}: ${value},\n`).join('')}} as const\n`
  return `// Made from kernels/program.h by scripts/opcodes.mjs; not to be changed by hand.
/** Instructions. */
${object('opcodes', table(header, 'NABLA_OPCODES'))}
/** Instructions of fused kernels. */
${object('fusedOps', table(header, 'NABLA_FUSED_OPS'))}`
}

const path = `${root}/src/backends/cpu/numbers.ts`

/** Writes the file when it is not what the header gives. */
export function writeOpcodes() {
  const text = opcodesFile()
  let before
  try {
    before = readFileSync(path, 'utf8')
  } catch {}
  if (before !== text) writeFileSync(path, text)
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) writeOpcodes()
