// The processes that are compared, and how they are asked.
import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { compileAll, findCompiler, link } from '../scripts/cxx.mjs'
import { isas, root } from '../scripts/targets.mjs'

/** Debian's own, which has Debian's PyTorch, whatever comes first on PATH. */
export const python = '/usr/bin/python3'
const file = (name) => fileURLToPath(new URL(name, import.meta.url))

/** PyTorch at its best: OpenBLAS chooses for the processor itself, and its threads do not fight those of OpenMP. */
export function torchEnvironment(threads, keepMemory) {
  const env = { ...process.env }
  delete env.OPENBLAS_CORETYPE
  delete env.OPENBLAS_L2_SIZE
  env.OPENBLAS_NUM_THREADS = env.OMP_NUM_THREADS = `${threads}`
  if (threads > 1) env.GOMP_SPINCOUNT = '1000'
  // glibc then neither maps large blocks apart nor gives them back.
  if (keepMemory) {
    env.MALLOC_MMAP_THRESHOLD_ = `${2 ** 30}`
    env.MALLOC_TRIM_THRESHOLD_ = `${2 ** 32}`
  }
  return env
}

export const hasTorch = () => spawnSync(python, ['-c', 'import torch']).status === 0

/** The version of Node to run nabla on: this one, or one that npm's package `node` brings. */
export function nodeOf(version) {
  if (!version) return process.execPath
  const { status, stdout, stderr } = spawnSync(
    'npx',
    ['-y', `node@${version}`, '-p', 'process.execPath'],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`npx could not run node@${version}\n${stderr}`)
  return stdout.trim().split('\n').at(-1)
}

export const commands = {
  torch: (threads, _backend, _node, options) => [
    [python, file('torch_side.py')],
    torchEnvironment(threads, options['keep-memory']),
  ],
  nabla: (threads, backend, node, { cpu }) => [
    [node, file('nabla_side.mjs'), ...(cpu ? ['--cpu'] : [])],
    { ...process.env, NABLA_THREADS: `${threads}`, NABLA_BACKEND: backend },
  ],
  /** The nabla of the checkout in `home`. */
  other: (threads, backend, node, { cpu, against }) => [
    [
      node,
      '--experimental-import-meta-resolve',
      file('nabla_side.mjs'),
      ...(cpu ? ['--cpu'] : []),
      '--of',
      against,
    ],
    { ...process.env, NABLA_THREADS: `${threads}`, NABLA_BACKEND: backend },
  ],
}

/** A child that answers lines of JSON. */
export class Side {
  constructor([[command, ...args], env]) {
    this.child = spawn(command, args, { env, cwd: root, stdio: ['pipe', 'pipe', 'inherit'] })
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]()
  }
  async ask(request) {
    this.child.stdin.write(`${JSON.stringify(request)}\n`)
    const { value, done } = await this.lines.next()
    if (done) throw new Error(`the process ended (${this.child.spawnargs.join(' ')})`)
    const answer = JSON.parse(value)
    if (answer.error) throw new Error(answer.error)
    return answer
  }
  end() {
    this.child.stdin.end()
  }
}

/** Milliseconds from the start of a process to the end of the first call, and its peak memory. */
export async function once([[command, ...args], env], request) {
  const start = performance.now()
  const child = spawn(command, [...args, '--once', JSON.stringify(request)], {
    env,
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })
  let answer
  for await (const line of lines) answer ??= { ms: performance.now() - start, ...JSON.parse(line) }
  if (!answer) throw new Error(`${command} gave no answer`)
  return answer
}

/** Seconds of the epochs of `npm start`, and the accuracy that it reaches. */
export function digits(threads, backend, node, folder, home = root) {
  const { status, stdout, stderr } = spawnSync(
    node,
    [
      `${home}/dist/cli/main.js`,
      ...['train', 'digits', '--json', '--out', folder],
      ...['--backend', backend, '--threads', `${threads}`],
    ],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(stderr)
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  return {
    seconds: events.filter((e) => e.event === 'epoch').map((e) => e.seconds),
    accuracy: events.at(-1).testAccuracy,
  }
}

/** Builds bench/NAME.cpp with these kernels for an instruction set; undefined where there is no compiler. */
async function built(isa, name, kernels = []) {
  const compiler = await findCompiler([process.env.CXX, 'g++', 'clang++', 'c++'])
  if (!compiler || !isas[isa]) return undefined
  const flags = ['-std=c++20', '-O3', '-Ikernels', `-DNABLA_ISA=${isa}`, ...isas[isa].flags]
  const steps = [`bench/${name}`, ...kernels.map((k) => `kernels/${k}`)].map((file) => ({
    source: `${file}.cpp`,
    name: `${name}-${file.replace(/.*\//, '')}-${isa}`,
    flags,
  }))
  const objects = await compileAll(compiler, [], steps, 'build/obj')
  await link(compiler, objects, ['-pthread'], `build/${name}-${isa}`)
  return (threads) =>
    spawnSync(`${root}/build/${name}-${isa}`, [`${threads}`], { encoding: 'utf8' }).stdout
}

/** Gives a function for the multiply-add peak of so many threads, or undefined where there is no compiler. */
export async function peakMeter(isa) {
  const run = await built(isa, 'peak')
  return run && ((threads) => Number(run(threads)))
}
/** Gives a function for what tile.cpp measures with so many threads, or undefined where there is no compiler. */
export async function machineMeter(isa) {
  const run = await built(isa, 'tile', ['gemm', 'gemm_zeros', 'gemv', 'bf16'])
  return run && ((threads) => JSON.parse(run(threads)))
}
