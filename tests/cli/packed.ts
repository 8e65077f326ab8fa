/** The package as its users get it: `npm pack`, installed in an empty folder. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { root } from './run.js'

export function run(
  command: string,
  args: string[],
  cwd: string,
  env: Record<string, string> = {},
) {
  const { NABLA_BACKEND: _, ...inherited } = process.env
  return spawnSync(command, args, { cwd, encoding: 'utf8', env: { ...inherited, ...env } })
}

/** A folder that goes away with the tests of the file that asks for it. */
export function temporary(): string {
  const base = mkdtempSync(join(tmpdir(), 'nabla-package-'))
  afterAll(() => rmSync(base, { recursive: true, force: true }), 60_000)
  return base
}

export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string
  exports: Record<string, string | { default: string; browser?: string }>
}
/** What can be imported: `nabla`, `nabla/nn`, ... */
export const names = Object.keys(manifest.exports)
  .filter((name) => !name.endsWith('.json'))
  .map((name) => name.replace('.', 'nabla'))

export interface Tarball {
  path: string
  files: string[]
}
/** Without the hook that builds before packing: the set-up of the tests has done that. */
export function pack(base: string): Tarball {
  const { stdout, stderr } = run('npm', ['pack', root, '--json', '--ignore-scripts'], base)
  if (!stdout) throw new Error(stderr)
  const [one] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }]
  return { path: join(base, one.filename), files: one.files.map((f) => f.path) }
}

/** A new project in `base` with the packages installed into it. */
export function install(
  base: string,
  name: string,
  packages: string[],
  { env = {}, scripts = false }: { env?: Record<string, string>; scripts?: boolean } = {},
): { folder: string; output: string } {
  const folder = join(base, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  // Scripts in the foreground, so that their line can be read.
  const how = scripts ? '--foreground-scripts' : '--ignore-scripts'
  const options = ['--no-audit', '--no-fund', '--prefer-offline', how]
  const { status, stdout, stderr } = run('npm', ['install', ...packages, ...options], folder, env)
  if (status !== 0) throw new Error(stdout + stderr)
  return { folder, output: stdout + stderr }
}

/** The package with the prebuilt addon for this system, packed: its name and its tarball. */
export function packPrebuilt(base: string): { name: string; path: string } {
  const made = run('node', [join(root, 'scripts/prebuild.mjs')], base)
  if (made.status !== 0) throw new Error(made.stdout + made.stderr)
  const folder = join(root, made.stdout.trim().split('\n').pop()!)
  const { stdout, stderr } = run('npm', ['pack', folder, '--json'], base)
  if (!stdout) throw new Error(stderr)
  const [one] = JSON.parse(stdout) as [{ name: string; filename: string }]
  return { name: one.name, path: join(base, one.filename) }
}

/** Trains the exclusive or, and multiplies matrices with two threads. Prints JSON: what ran, and the results. */
export const program = `
import { availableBackends, backend, compile, crossEntropy, getNumThreads, manualSeed, noGrad, randn, setNumThreads, tensor } from 'nabla'
import * as nn from 'nabla/nn'
import { SGD } from 'nabla/optim'
setNumThreads(2)
manualSeed(1)
const x = tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
const y = tensor([0, 1, 1, 0], { dtype: 'int32' })
const model = new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 2))
const optimizer = new SGD(model.parameters(), { lr: 0.5, momentum: 0.9 })
const step = compile((x, y) => {
  const loss = crossEntropy(model.forward(x), y)
  optimizer.zeroGrad()
  loss.backward()
  optimizer.step()
  return loss
})
for (let i = 0; i < 200; i++) step(x, y)
const a = randn([300, 200])
console.log(JSON.stringify({
  backend: availableBackends()[0],
  threads: getNumThreads(),
  loss: step(x, y).item(),
  answers: noGrad(() => model.forward(x).argmax(1)).toArray(),
  product: a.matmul(a.t()).sum().item(),
}))
`
export interface Outcome {
  backend: string
  threads: number
  loss: number
  answers: number[]
  product: number
}
