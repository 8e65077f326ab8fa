// Builds the packages of other platforms on Debian and trains in them: Linux on arm64 under qemu, Windows under wine, with a
// Node from npm. For musl, of which Debian has no Node, what the addon asks of the C library is compared with what it has.
//   node scripts/test-platforms.mjs [NAME]    those whose names hold the word
//   node scripts/test-platforms.mjs --host    the package of the system that this runs on, as prebuild.mjs left it
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { run } from './cxx.mjs'
import { hostPlatform, packageOf, platforms } from './platforms.mjs'
import { prebuild } from './prebuild.mjs'
import { root } from './targets.mjs'

const place = `${root}/build/platforms`
const project = `${place}/project`

/** Writes outcome.json (wine's Node has no standard output that is a socket): what runs, the answers of a network that was trained, and sums over products with threads. */
const program = `
import { writeFileSync } from 'node:fs'
import { availableBackends, backend, compile, crossEntropy, getNumThreads, manualSeed, noGrad, randn, relu, setNumThreads, softmax, tensor } from 'nabla'
import { Conv2d, Linear, Sequential, Tanh } from 'nabla/nn'
import { Adam } from 'nabla/optim'
setNumThreads(2)
manualSeed(1)
const x = tensor([[0, 0], [0, 1], [1, 0], [1, 1]]), y = tensor([0, 1, 1, 0], { dtype: 'int32' })
const model = new Sequential(new Linear(2, 8), new Tanh(), new Linear(8, 2))
const optimizer = new Adam(model.parameters(), { lr: 0.05 })
const step = compile((x, y) => {
  const loss = crossEntropy(model.forward(x), y)
  optimizer.zeroGrad()
  loss.backward()
  optimizer.step()
  return loss
})
for (let i = 0; i < 200; i++) step(x, y)
const a = randn([300, 200]), b = randn([200, 257])
const images = new Conv2d(3, 8, 3).forward(randn([4, 3, 20, 20]))
writeFileSync(new URL('outcome.json', import.meta.url), JSON.stringify({
  backend: availableBackends()[0], threads: getNumThreads(),
  answers: noGrad(() => model.forward(x).argmax(1)).toArray(),
  numbers: [step(x, y), a.matmul(b).abs().sum(), softmax(a, -1).square().sum(), relu(images).sum(), a.cumsum(1).max(), a.exp().mean()].map((t) => t.item()),
}))
`

/** An installed package without its dependencies: what is used here has none. */
function makeProject() {
  rmSync(project, { recursive: true, force: true })
  mkdirSync(`${project}/node_modules`, { recursive: true })
  const { stdout, stderr } = spawnSync('npm', ['pack', root, '--json', '--ignore-scripts'], {
    cwd: project,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (!stdout) throw new Error(stderr)
  const [{ filename }] = JSON.parse(stdout)
  spawnSync('tar', ['xzf', filename], { cwd: project })
  cpSync(`${project}/package`, `${project}/node_modules/nabla`, { recursive: true })
  // Of its own, or else the program would find the package that it lies in.
  writeFileSync(`${project}/package.json`, '{ "private": true }')
  writeFileSync(`${project}/program.mjs`, program)
}

const usePackage = (name) => {
  for (const folder of readdirSync(`${project}/node_modules`))
    if (folder.startsWith('nabla-'))
      rmSync(`${project}/node_modules/${folder}`, { recursive: true })
  cpSync(
    `${root}/build/packages/${packageOf(name)}`,
    `${project}/node_modules/${packageOf(name)}`,
    {
      recursive: true,
    },
  )
}

async function outcome(command, env = {}) {
  const [program, ...args] = command
  const file = `${project}/outcome.json`
  rmSync(file, { force: true })
  const { code, output } = await run(program, args, { env, timeout: 240_000 })
  if (code !== 0 || !existsSync(file)) throw new Error(`exit ${code}\n${output.slice(-3000)}`)
  return JSON.parse(readFileSync(file, 'utf8'))
}

const close = (a, b) => Math.abs(a - b) <= 1e-4 * Math.max(1, Math.abs(b))

/** That it ran natively, and computed what WebAssembly computes here. */
function compare(got, expected) {
  if (got.backend !== 'native') throw new Error(`the addon was not loaded: ${JSON.stringify(got)}`)
  if (got.threads !== 2 || String(got.answers) !== '0,1,1,0')
    throw new Error(`wrong: ${JSON.stringify(got)}`)
  if (!got.numbers.every((x, i) => close(x, expected.numbers[i])))
    throw new Error(`${JSON.stringify(got.numbers)} for ${JSON.stringify(expected.numbers)}`)
}

/** The node of a package of npm's, which is fetched once. */
function fetchNode(spec) {
  const folder = `${place}/${spec}`
  const find = () => ['node', 'node.exe'].map((f) => `${folder}/package/bin/${f}`).find(existsSync)
  if (find()) return find()
  mkdirSync(folder, { recursive: true })
  const { status, stdout, stderr } = spawnSync('npm', ['pack', spec, '--silent'], {
    cwd: folder,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  spawnSync('tar', ['xzf', stdout.trim().split('\n').pop(), 'package/bin'], { cwd: folder })
  return find()
}

/** Linux only: the addon must load with glibc 2.17 (2012), and without a C++ library. */
function checkLibraries(name) {
  const text = readFileSync(`${root}/build/packages/${packageOf(name)}/nabla.node`, 'latin1')
  const newer = [...text.matchAll(/GLIBC_2\.(\d+)/g)]
    .map(([, n]) => Number(n))
    .filter((n) => n > 17)
  if (newer.length > 0) throw new Error(`it needs glibc 2.${Math.max(...newer)}`)
  if (/libstdc\+\+\.so|libgcc_s\.so/.test(text)) throw new Error('it needs a C++ library')
}

/** The symbols that the addon takes from outside must be musl's, or Node-API. */
async function checkSymbols(name) {
  const file = `build/packages/${packageOf(name)}/nabla.node`
  const undefined_ = await run('nm', ['-D', '--undefined-only', '--no-weak', file])
  const defined = await run('nm', ['-D', '--defined-only', '/usr/lib/x86_64-linux-musl/libc.so'])
  if (undefined_.code !== 0 || defined.code !== 0)
    throw new Error(undefined_.output + defined.output)
  const names = (text) => text.split('\n').flatMap((line) => line.trim().split(/\s+/).slice(-1))
  const known = new Set(names(defined.output))
  const unknown = names(undefined_.output).filter(
    (s) => s && !known.has(s) && !s.startsWith('napi_'),
  )
  if (unknown.length > 0) throw new Error(`musl has no ${unknown.join(', ')}`)
}

const wine = { WINEPREFIX: `${place}/wine`, WINEDEBUG: '-all', DISPLAY: '' }
/** A wine that says it is Windows 10, without which Node does not start. */
async function prepareWine(command) {
  if (existsSync(`${wine.WINEPREFIX}/system.reg`)) return
  mkdirSync(place, { recursive: true })
  await run(command, ['wineboot', '-i'], { env: wine })
  const version = ['HKCU\\Software\\Wine', '/v', 'Version', '/d', 'win10', '/f']
  const { code, output } = await run(command, ['reg', 'add', ...version], { env: wine })
  if (code !== 0) throw new Error(output)
}

async function testCross(name, expected) {
  const { compiler, node, run: emulator, needs, isas } = platforms[name].cross
  const has = async (command) => (await run(command, ['--version'])).code === 0
  for (const command of [compiler, ...(emulator ?? []).slice(0, 1)])
    if (!(await has(command))) return { status: 'skipped', reason: `no ${command}` }
  if (needs && !existsSync(needs)) return { status: 'skipped', reason: `no ${needs}` }
  await prebuild(name, { cross: true, isas })
  if (platforms[name].os === 'linux') checkLibraries(name)
  if (!node) {
    await checkSymbols(name)
    return { status: 'passed' }
  }
  usePackage(name)
  const windows = platforms[name].os === 'win32'
  if (windows) await prepareWine(emulator[0])
  const file = `${project}/program.mjs`
  const command = [...emulator, fetchNode(node), windows ? `Z:${file.replaceAll('/', '\\')}` : file]
  compare(await outcome(command, windows ? wine : {}), expected)
  return { status: 'passed' }
}

/** Gives a list of `{ name, status, reason, seconds }`. */
export async function testPlatforms({ only = '', host = false } = {}) {
  makeProject()
  const here = [process.execPath, join(project, 'program.mjs')]
  const expected = await outcome(here, { NABLA_BACKEND: 'wasm' })
  const results = []
  const names = host
    ? [hostPlatform().name]
    : Object.keys(platforms).filter((name) => platforms[name].cross && name.includes(only))
  for (const name of names) {
    const start = performance.now()
    let result
    try {
      if (host) {
        usePackage(name)
        if (platforms[name].libc === 'glibc') checkLibraries(name)
        compare(await outcome(here), expected)
        result = { status: 'passed' }
      } else result = await testCross(name, expected)
    } catch (error) {
      result = { status: 'failed', reason: error.message }
    }
    results.push({ name, ...result, seconds: (performance.now() - start) / 1000 })
  }
  return results
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const host = process.argv.includes('--host')
  const results = await testPlatforms({ host, only: host ? '' : process.argv[2] })
  for (const { name, status, reason = '', seconds } of results)
    console.log(`${status} ${name} ${seconds.toFixed(1)} s${reason && `: ${reason}`}`)
  process.exitCode = results.some((r) => r.status === 'failed') ? 1 : 0
}
