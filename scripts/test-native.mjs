// Compiles and runs the C++ tests, kernels/tests/*.cpp, each a main() that exits non-zero on failure.
// The first line of a test says what it is made of:
//   // test: isa [sources=gemm.cpp,...] [args=...]    once for each instruction set, with NABLA_ISA [and flags=-f,...]
//   // test: core [sources=...] [args=...] [threads]  once, with the core linked for all of them, or
//                                                     with the named sources only
// Each also runs under the address and undefined-behaviour sanitizers, those marked `threads` under
// the thread sanitizer, and all of them on NEON under emulation. `args-slow=` replaces `args=` there. Without a sanitizer
// the parts of the core are the addon's own object files: what is shipped is what is tested.
//   node scripts/test-native.mjs [FILE [VARIANT]]    those whose names hold the words
import { readdirSync, readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { addonParts, objectsOf } from './build-native.mjs'
import { compileAll, findCompiler, link, run } from './cxx.mjs'
import { hostPlatform, platforms } from './platforms.mjs'
import { cxxFlags, isas, isasOf, root, steps } from './targets.mjs'

const folder = 'kernels/tests'
const sanitize = (kinds) => [
  `-fsanitize=${kinds}`,
  '-fno-sanitize-recover=all',
  '-fno-omit-frame-pointer',
  '-O1',
  '-g1', // lines are enough for a trace, and a third of the compiler's memory is saved
]

/** Reads the `// test:` line. */
export function directive(file, text) {
  const line = text.split('\n', 1)[0]
  const [, scope, rest] = /^\/\/ test: (isa|core)\b(.*)$/.exec(line) ?? []
  if (!scope)
    throw new Error(`${folder}/${file} must begin with \`// test: isa\` or \`// test: core\``)
  const option = (name) => new RegExp(`\\s${name}=(\\S+)`).exec(rest)?.[1].split(',')
  const args = option('args') ?? []
  return {
    file,
    scope,
    args,
    slowArgs: option('args-slow') ?? args,
    sources: option('sources'),
    flags: option('flags') ?? [],
    threads: /\sthreads\b/.test(rest),
  }
}

function cpuFlags() {
  try {
    return new Set(
      /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1].trim().split(' '),
    )
  } catch {
    return null // not Linux: let it run
  }
}

/** What to build and run for one test: `{ name, isas, flags, cross, slow, skip, addon }`. */
function variants(test, cpu) {
  const here = isasOf(process.arch)
  const lacks = (isa) => cpu && isas[isa].cpu.find((flag) => !cpu.has(flag))
  const able = here.filter((isa) => !lacks(isa))
  const host = hostPlatform()
  const addon = host && { name: host.name, cross: false }
  const list =
    test.scope === 'isa'
      ? here.map((isa) => ({
          name: isa,
          isas: [isa],
          flags: [],
          addon,
          skip: lacks(isa) && `this processor has no ${lacks(isa)}`,
        }))
      : [{ name: 'all', isas: here, flags: [], addon }]
  // Sanitized code is about addresses and arithmetic, so one instruction set stands for all.
  const one = [able.includes('avx2') ? 'avx2' : able[0]]
  list.push({ name: 'asan+ubsan', isas: one, flags: sanitize('address,undefined'), slow: true })
  if (test.threads) list.push({ name: 'tsan', isas: one, flags: sanitize('thread'), slow: true })
  if (process.arch !== 'arm64')
    list.push({
      name: 'neon',
      isas: ['neon'],
      flags: [],
      addon: { name: 'linux-arm64-gnu', cross: true },
      cross: true,
      slow: true,
    })
  return list
}

/** The test itself and the parts of the core that it asks for. */
function stepsOf(test, variant) {
  const core = steps('test', Object.fromEntries(variant.isas.map((isa) => [isa, isas[isa].flags])))
  const wanted = test.sources ?? (test.scope === 'isa' ? [] : null)
  const parts = core.filter(
    ({ source }) => !wanted || wanted.includes(source.slice('kernels/'.length)),
  )
  const have = variant.isas.map((isa) => `-DNABLA_HAVE_${isa.toUpperCase()}=1`)
  const [isa] = variant.isas
  const own =
    test.scope === 'isa' ? [`-DNABLA_ISA=${isa}`, ...isas[isa].flags, ...test.flags] : have
  return {
    main: { source: `${folder}/${test.file}`, name: test.file.slice(0, -4), flags: own },
    parts,
  }
}

/** The object files of a test and of the parts of the core. */
async function objectsFor(test, variant, compiler) {
  const { main, parts } = stepsOf(test, variant)
  const { addon } = variant
  const { common, list = [] } = addon
    ? addonParts(platforms[addon.name] ?? hostPlatform(), variant.isas)
    : {}
  // Compiled once, with what it has to choose from: another file where that is less than the addon has.
  const whole = variant.cross || variant.isas.length === isasOf(process.arch).length
  const names = new Set(parts.filter((s) => whole || s.name.includes('-')).map((s) => s.name))
  const shipped = list.filter((s) => names.has(s.name))
  const taken = new Set(shipped.map((s) => s.name))
  const own = [main, ...parts.filter((s) => !taken.has(s.name))].map((s) => ({
    ...s,
    name: s.name.includes('-') ? s.name : `${s.name}-${variant.name}`,
  }))
  const flags = [...cxxFlags, '-Ikernels', '-pthread', ...variant.flags]
  const build = `build/test/${variant.cross ? 'neon' : variant.name}`
  const objects = await Promise.all([
    compileAll(compiler, flags, own, build),
    compileAll(compiler, common, shipped, objectsOf(addon?.name, addon?.cross)),
  ])
  return { objects: objects.flat(), build }
}

async function runVariant(test, variant, tools) {
  const name = `${folder}/${test.file} (${variant.name})`
  const compiler = variant.cross ? tools.cross : tools.native
  const skip =
    variant.skip ||
    (!compiler && (variant.cross ? 'no aarch64-linux-gnu-g++' : 'no C++ compiler')) ||
    (variant.cross && !tools.emulator && 'no qemu-aarch64')
  if (skip) return { name, status: 'skipped', reason: skip }
  const start = performance.now()
  try {
    const { objects, build } = await objectsFor(test, variant, compiler)
    const program = `${build}/${test.file.slice(0, -4)}-${variant.name}`
    await link(compiler, objects, ['-pthread', ...variant.flags], program)
    const args = variant.slow ? test.slowArgs : test.args
    const command = [
      ...(variant.cross ? platforms[variant.addon.name].cross.run : []),
      `${root}/${program}`,
      ...args,
    ]
    const { code, output } = await run(command[0], command.slice(1), { timeout: 240_000 })
    const seconds = (performance.now() - start) / 1000
    if (code === 0) return { name, status: 'passed', seconds }
    return { name, status: 'failed', seconds, reason: `exit ${code}\n${output.slice(-4000)}` }
  } catch (error) {
    return { name, status: 'failed', reason: error.message }
  }
}

/** Gives a list of `{ name, status, reason, seconds }`, of the files and variants whose names hold the strings. */
export async function testNative({ only = '', kind = '' } = {}) {
  const tools = {
    native: await findCompiler([process.env.CXX, 'g++', 'clang++', 'c++']),
    cross: await findCompiler(['aarch64-linux-gnu-g++']),
    emulator: await findCompiler(['qemu-aarch64']),
  }
  const cpu = process.platform === 'linux' ? cpuFlags() : null
  const work = []
  for (const file of readdirSync(`${root}/${folder}`).sort()) {
    if (!file.endsWith('.cpp') || !file.includes(only)) continue
    const test = directive(file, readFileSync(`${root}/${folder}/${file}`, 'utf8'))
    for (const variant of variants(test, cpu))
      if (variant.name.includes(kind)) work.push([test, variant])
  }
  return await Promise.all(work.map(([test, variant]) => runVariant(test, variant, tools)))
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const results = await testNative({ only: process.argv[2], kind: process.argv[3] })
  for (const { name, status, reason, seconds } of results)
    console.log(
      `${status} ${name}${seconds ? ` ${seconds.toFixed(1)} s` : ''}${reason ? `: ${reason}` : ''}`,
    )
  process.exitCode = results.some((r) => r.status === 'failed') ? 1 : 0
}
