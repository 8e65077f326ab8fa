// Builds build/nabla.node: the C++ core for every instruction set of this processor family, and its
// Node-API binding. Needs a C++20 compiler (CXX, g++, clang++ or c++) and nothing else.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { compileAll, findCompiler, hash, link } from './cxx.mjs'
import { cxxFlags, isas, isasOf, root, steps } from './targets.mjs'

const out = 'build/nabla.node'
const stamp = `${root}/build/native.stamp`

/** Changes when anything does that the addon is made of; takes milliseconds. */
function fingerprint() {
  const read = (folder, pattern) =>
    readdirSync(`${root}/${folder}`)
      .filter((f) => pattern.test(f))
      .sort()
      .flatMap((f) => [f, readFileSync(`${root}/${folder}/${f}`)])
  return hash(
    process.platform,
    process.arch,
    process.env.CXX ?? '',
    ...read('kernels', /\.(cpp|h)$/),
    ...read('scripts', /^(targets|cxx|build-native)\.mjs$/),
  )
}

/** Gives `{ built, seconds }`; throws an error whose first line says why there is no addon. */
export async function buildNative({ log = () => {} } = {}) {
  const start = performance.now()
  const print = fingerprint()
  if (existsSync(`${root}/${out}`) && existsSync(stamp) && readFileSync(stamp, 'utf8') === print)
    return { built: false, seconds: 0 }
  if (process.platform === 'win32') throw new Error('there is none for Windows yet')
  const names = isasOf(process.arch)
  if (names.length === 0) throw new Error(`there is none for ${process.arch} processors yet`)
  if (!existsSync(`${root}/kernels/binding_node.cpp`)) throw new Error('its sources are missing')
  const compiler = await findCompiler([process.env.CXX, 'g++', 'clang++', 'c++'])
  if (!compiler) throw new Error('no C++ compiler found: install g++ or set CXX')
  log(`building the native addon with ${compiler.version}, this happens once`)

  // Node-API is the same in every version of Node, so its headers can come from a package.
  const headers = createRequire(import.meta.url)('node-api-headers').include_dir
  const include = relative(root, headers).startsWith('..') ? headers : relative(root, headers)
  const flags = [...cxxFlags, '-fPIC', '-pthread', '-DNAPI_VERSION=8', '-isystem', include]
  const list = steps('node', Object.fromEntries(names.map((isa) => [isa, isas[isa].flags])))
  const objects = await compileAll(compiler, flags, list, 'build/obj')
  const shared =
    process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared']
  await link(compiler, objects, [...shared, '-pthread'], out)
  mkdirSync(`${root}/build`, { recursive: true })
  writeFileSync(stamp, print)
  return { built: true, seconds: (performance.now() - start) / 1000 }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { built, seconds } = await buildNative({ log: (line) => console.log(line) })
  console.log(built ? `${out} built in ${seconds.toFixed(1)} s` : `${out} is up to date`)
}
