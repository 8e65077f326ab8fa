// Builds the WebAssembly files from kernels/ with clang 19 and lld 19 (the first with the final
// relaxed-SIMD opcodes). They are kept in the repository, so that only those who change kernels/
// need clang. `--check` builds them elsewhere and compares: are the kept files what the sources give?
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { compileAll, findCompiler, link } from './cxx.mjs'
import { partEnd, root, steps, wasmBuilds, wasmFolder, wasmParts } from './targets.mjs'

export const findClang = () => findCompiler([process.env.WASM_CXX, 'clang++-19'])

async function make(clang, name) {
  const { kind, part, objects: folder, isa, flags, link: linkFlags } = wasmBuilds[name]
  const sources = steps(kind, { [isa]: [] }, part)
  const objects = await compileAll(clang, flags, sources, `build/wasm/${folder}`)
  const out = `build/wasm/${name}.wasm`
  await link(clang, objects, linkFlags, out)
  const bytes = readFileSync(`${root}/${out}`)
  if (part > 0 && isa === 'wasm') {
    // Not every Node can load relaxed SIMD, and its data are the same.
    const memory = new WebAssembly.Memory({ initial: Math.ceil(partEnd(wasmParts.length) / 65536) })
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } })
    if (exports.__heap_base.value > partEnd(part))
      throw new Error(`${name}: data and stack do not fit in PART_BYTES of kernels/parts.h`)
  }
  return bytes
}

/** Gives a list of `{ name, bytes, same }`; writes the files unless `check` is set. */
export async function buildWasm(clang, { check = false } = {}) {
  if (check) rmSync(`${root}/build/wasm`, { recursive: true, force: true })
  const results = []
  for (const name of Object.keys(wasmBuilds)) {
    const bytes = await make(clang, name)
    const kept = `${root}/${wasmFolder}/${name}.wasm`
    const same = existsSync(kept) && bytes.equals(readFileSync(kept))
    if (!same && !check) {
      mkdirSync(`${root}/${wasmFolder}`, { recursive: true })
      writeFileSync(kept, bytes)
    }
    results.push({ name, bytes: bytes.length, same })
  }
  return results
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const check = process.argv.includes('--check')
  const clang = await findClang()
  if (!clang) {
    console.error(
      'WebAssembly is built with clang 19: apt-get install clang-19 lld-19, or set WASM_CXX',
    )
    process.exit(1)
  }
  const results = await buildWasm(clang, { check })
  for (const { name, bytes, same } of results)
    console.log(
      `${name}.wasm ${bytes} bytes, ${same ? 'unchanged' : check ? 'DIFFERS from the kept file' : 'written'}`,
    )
  if (check && results.some((r) => !r.same)) {
    console.error('Run `npm run build:wasm` and commit the files.')
    process.exit(1)
  }
}
