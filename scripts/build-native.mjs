// Builds build/nabla.node: the C++ core and its Node-API binding. Needs a C++20 compiler (CXX, g++, clang++ or c++) and
// nothing else. By default for the processor that this runs on; `--all` builds for every instruction set of its family,
// as tests, benchmarks and the packages that are published need it. See docs/decisions/0004-packaging.md.
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { compileAll, findCompiler, hash, link, run } from './cxx.mjs'
import { hostPlatform } from './platforms.mjs'
import { bestIsa, cxxFlags, isas, isasOf, jobs, readSources, root, steps } from './targets.mjs'

const out = 'build/nabla.node'
const stamp = `${root}/build/native.stamp`
/** In a clone what was compiled is kept for the next build; where the package is installed nobody needs it. */
const isClone = existsSync(`${root}/.git`)

/** Changes when anything does that the addon is made of; takes milliseconds. */
const fingerprint = () =>
  hash(
    process.platform,
    process.arch,
    process.env.CXX ?? '',
    ...readSources('kernels', /\.(cpp|h)$/),
    ...readSources('scripts', /^(targets|platforms|cxx|build-native)\.mjs$/),
  )

/** What stands in build/: `{ print, cpu, isas }`. */
function built() {
  try {
    return existsSync(`${root}/${out}`) ? JSON.parse(readFileSync(stamp, 'utf8')) : undefined
  } catch {
    return undefined
  }
}

/** Lines every few seconds. npm hides what install scripts print, so they go to the terminal itself where there is one. */
function progress(log) {
  let terminal
  if (process.env.npm_lifecycle_event === 'install' && !process.stdout.isTTY && !process.env.CI)
    try {
      terminal = openSync('/dev/tty', 'w')
    } catch {
      // There is none.
    }
  const say = (line) => {
    log(line)
    if (terminal !== undefined) writeSync(terminal, `nabla: ${line}\n`)
  }
  let last = performance.now()
  return {
    say,
    step(done, all) {
      if (performance.now() - last < 4000 || done === all) return
      last = performance.now()
      say(`${done} of ${all} files compiled`)
    },
    end: () => terminal !== undefined && closeSync(terminal),
  }
}

// Node-API is the same in every version of Node, so its headers can come from a package.
function includeFolder() {
  const headers = createRequire(import.meta.url)('node-api-headers').include_dir
  return relative(root, headers).startsWith('..') ? headers : relative(root, headers)
}

/** What the addon of a platform is made of: flags for all, and steps. */
export const addonParts = ({ flags }, names) => ({
  common: [...cxxFlags, ...flags, '-DNAPI_VERSION=8', '-isystem', includeFolder()],
  list: steps('node', Object.fromEntries(names.map((isa) => [isa, isas[isa].flags]))),
})

/** Where the objects of a platform's addon lie; what the clone's own addon was made of serves wherever it can. */
export const objectsOf = (name, cross) => (cross ? `build/prebuilt/${name}` : 'build/obj')

/** Compiles and links the addon of a platform into `file`. */
export async function buildAddon(
  platform,
  compiler,
  names,
  file,
  { folder = objectsOf(), onStep } = {},
) {
  const { link: gccLink, clangLink = gccLink } = platform
  const linkFlags = compiler.version.includes('clang') ? clangLink : gccLink
  const { common, list } = addonParts(platform, names)
  const objects = await compileAll(compiler, common, list, folder, onStep)
  await link(compiler, objects, linkFlags, file)
}

/** The instruction sets to build for: `all`, a list of names, or by default the best one of this processor. */
async function wantedIsas(wanted, all, compiler) {
  if (wanted === 'all' || all.length === 1) return all
  if (wanted) return all.filter((isa) => wanted.split(',').includes(isa))
  const macros = await run(compiler.command, ['-march=native', '-dM', '-E', '-x', 'c++', '-'], {
    input: '',
  })
  const best = macros.code === 0 && bestIsa(all, macros.output)
  return best ? [best] : all
}

/** Gives `{ built, seconds }`; throws an error whose first line says why there is no addon. */
export async function buildNative({
  log = () => {},
  isas: wanted = process.env.NABLA_BUILD_ISAS,
} = {}) {
  const start = performance.now()
  const print = fingerprint()
  const platform = hostPlatform()
  const all = isasOf(process.arch)
  if (!platform || all.length === 0)
    throw new Error(`there is none for ${process.platform} on ${process.arch} processors yet`)
  if (!existsSync(`${root}/kernels/binding_node.cpp`)) throw new Error('its sources are missing')
  const have = built()
  const cpu = cpus()[0]?.model
  const has = (names) => names.every((isa) => have.isas.includes(isa))
  if (
    have?.print === print &&
    (has(all) || (wanted !== 'all' && (wanted ? has(wanted.split(',')) : have.cpu === cpu)))
  )
    return { built: false, seconds: 0 }
  const compiler = await findCompiler([process.env.CXX, ...platform.compilers])
  if (!compiler) throw new Error('no C++ compiler found: install g++ or set CXX')
  const names = await wantedIsas(wanted, all, compiler)
  const { say, step, end } = progress(log)
  say(
    `building the native addon (${names.join(', ')}) with ${compiler.version}, ${jobs} at a time; this happens once`,
  )
  try {
    await buildAddon(platform, compiler, names, out, { onStep: step })
    writeFileSync(stamp, JSON.stringify({ print, cpu, isas: names }))
  } finally {
    if (!isClone)
      for (const file of ['obj', 'nabla.node.key'])
        rmSync(`${root}/build/${file}`, { recursive: true, force: true })
    end()
  }
  return { built: true, seconds: (performance.now() - start) / 1000 }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const isas = process.argv.includes('--all') ? 'all' : undefined
  const { built, seconds } = await buildNative({ log: (line) => console.log(line), isas })
  console.log(built ? `${out} built in ${seconds.toFixed(1)} s` : `${out} is up to date`)
}
