// From the packed tarball to a trained network, in an empty project: at most 20 s without a compiler, and 50 s with one on two
// cores, with the addon in its place and nothing else left of the build. `node scripts/test-install.mjs`
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { findCompiler } from './cxx.mjs'
import { root } from './targets.mjs'

const program = `
import { availableBackends, compile, crossEntropy, manualSeed, noGrad, tensor } from 'nabla'
import { Linear, Sequential, Tanh } from 'nabla/nn'
import { SGD } from 'nabla/optim'
manualSeed(1)
const x = tensor([[0, 0], [0, 1], [1, 0], [1, 1]]), y = tensor([0, 1, 1, 0], { dtype: 'int32' })
const model = new Sequential(new Linear(2, 8), new Tanh(), new Linear(8, 2))
const optimizer = new SGD(model.parameters(), { lr: 0.5, momentum: 0.9 })
const step = compile((x, y) => {
  const loss = crossEntropy(model.forward(x), y)
  optimizer.zeroGrad()
  loss.backward()
  optimizer.step()
  return loss
})
for (let i = 0; i < 200; i++) step(x, y)
console.log(availableBackends()[0], noGrad(() => model.forward(x).argmax(1)).toArray().join(''))
`

function run(command, args, cwd, env) {
  const { NABLA_BACKEND: _, NABLA_ADDON: __, ...inherited } = process.env
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', env: { ...inherited, ...env } })
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(' ')}\n${result.stdout}${result.stderr}`)
  return result.stdout + result.stderr
}

/** A PATH with what npm needs, and no compiler. */
function withoutCompiler(base) {
  const bin = join(base, 'bin')
  mkdirSync(bin)
  for (const tool of ['node', 'npm', 'sh', 'env']) {
    const places = (process.env.PATH ?? '').split(delimiter).map((place) => join(place, tool))
    const found = places.find((file) => existsSync(file))
    symlinkSync(tool === 'npm' ? realpathSync(found) : found, join(bin, tool))
  }
  return { PATH: bin, CXX: '' }
}

function measure(base, name, tarball, env) {
  const folder = join(base, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  writeFileSync(join(folder, 'xor.js'), program)
  const start = performance.now()
  // Scripts in the foreground, so that what they say can be read.
  const options = ['--no-audit', '--no-fund', '--prefer-offline', '--foreground-scripts']
  const said = run('npm', ['install', tarball, ...options], folder, env)
  const [backend, answers] = run('node', ['xor.js'], folder, { NABLA_QUIET: '1' }).trim().split(' ')
  const seconds = (performance.now() - start) / 1000
  if (answers !== '0110') throw new Error(`trained to ${answers}`)
  return { backend, seconds, said, folder }
}

/** Gives a list of `{ name, status, reason }`. */
export async function testInstall() {
  const base = mkdtempSync(join(tmpdir(), 'nabla-install-'))
  const results = []
  const check = (name, limit, wanted, { backend, seconds, said }, wrong) => {
    const reason = [
      backend !== wanted && `it runs on ${backend}`,
      seconds > limit && `it took ${seconds.toFixed(1)} s`,
      wrong,
    ].filter(Boolean)
    const detail = reason.length > 0 ? `${reason.join('; ')}\n${said}` : `${seconds.toFixed(1)} s`
    results.push({
      name: `${name}, in ${limit} s`,
      status: reason.length > 0 ? 'failed' : 'passed',
      reason: detail,
    })
  }
  try {
    const [{ filename }] = JSON.parse(
      run('npm', ['pack', root, '--json', '--ignore-scripts'], base).replace(/^[^[]*/, ''),
    )
    const tarball = join(base, filename)
    const bare = measure(base, 'bare', tarball, withoutCompiler(base))
    check('from the tarball to a trained network without a compiler', 20, 'wasm', bare)
    if (!(await findCompiler([process.env.CXX, 'g++', 'clang++', 'c++']))) {
      results.push({
        name: 'the same with a compiler',
        status: 'skipped',
        reason: 'no C++ compiler',
      })
      return results
    }
    const full = measure(base, 'full', tarball, {})
    const left = readdirSync(join(full.folder, 'node_modules/nabla/build')).sort().join()
    const wrong =
      left !== 'nabla.node,native.stamp'
        ? `it left ${left}`
        : !/building the native addon .*; this happens once\n(.*\n)*.*built the native addon in/.test(
            full.said,
          ) && 'it does not say what it does'
    check('the same with a compiler', 50, 'native', full, wrong)
    return results
  } finally {
    rmSync(base, { recursive: true, force: true })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const results = await testInstall()
  for (const { name, status, reason } of results) console.log(`${status} ${name}: ${reason}`)
  process.exitCode = results.some((r) => r.status === 'failed') ? 1 : 0
}
