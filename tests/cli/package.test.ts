/** The package as its users get it: `npm pack`, installed in an empty folder, with a compiler and without. */
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { root } from './run.js'

const base = mkdtempSync(join(tmpdir(), 'nabla-package-'))
afterAll(() => rmSync(base, { recursive: true, force: true }))

function run(command: string, args: string[], cwd: string, env: Record<string, string> = {}) {
  const { NABLA_BACKEND: _, ...inherited } = process.env
  return spawnSync(command, args, { cwd, encoding: 'utf8', env: { ...inherited, ...env } })
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | { default: string }>
}
const names = Object.keys(manifest.exports)
  .filter((name) => !name.endsWith('.json'))
  .map((name) => name.replace('.', 'nabla'))

let tarball = ''
let packed: string[] = []
beforeAll(() => {
  // The hook that builds before packing has been done by the set-up of the tests.
  const { stdout, stderr } = run('npm', ['pack', root, '--json', '--ignore-scripts'], base)
  expect(stdout, stderr).not.toBe('')
  const [one] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }]
  tarball = join(base, one.filename)
  packed = one.files.map((f) => f.path)
}, 120_000)

test('it holds what is run and built, and nothing else', () => {
  for (const file of ['README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts', 'kernels/vm.cpp'])
    expect(packed).toContain(file)
  expect(packed.filter((f) => f.endsWith('.wasm')).length).toBe(8)
  const rooms = new Set(packed.map((f) => f.split('/')[0]))
  expect([...rooms].sort()).toEqual([
    'LICENSE',
    'README.md',
    'dist',
    'kernels',
    'package.json',
    'scripts',
  ])
})

/** The first JavaScript of the README. */
const readme = () => /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'))![1]!

/** An empty folder with the package installed into it. */
function install(name: string, env: Record<string, string>): { folder: string; output: string } {
  const folder = join(base, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  // Scripts in the foreground, so that their line can be read.
  const options = ['--no-audit', '--no-fund', '--prefer-offline', '--foreground-scripts']
  const { status, stdout, stderr } = run('npm', ['install', tarball, ...options], folder, env)
  expect(status, stderr).toBe(0)
  return { folder, output: stdout + stderr }
}

const notice =
  /^nabla: computing with WebAssembly, since the native addon is missing \(.+\)\. Install without --omit=optional or --ignore-scripts, or run npm rebuild nabla; NABLA_BACKEND=wasm or NABLA_QUIET=1 hides this line\.\n$/

/** Every entry imports, the README's example runs, the command answers. Gives the backend in use. */
function tryOut(folder: string, said: RegExp): string {
  writeFileSync(
    join(folder, 'all.js'),
    `for (const name of ${JSON.stringify(names)}) {
       const entry = await import(name)
       if (Object.keys(entry).length === 0) throw new Error(name + ' is empty')
     }`,
  )
  const all = run('node', ['all.js'], folder)
  expect(all.stderr).toBe('')
  expect(all.status).toBe(0)
  writeFileSync(join(folder, 'readme.js'), readme())
  const first = run('node', ['readme.js'], folder)
  expect(first.stderr).toMatch(said)
  expect(run('node', ['readme.js'], folder, { NABLA_QUIET: '1' }).stderr).toBe('')
  expect(first.stdout).toMatch(/loss 0\.0\d\d\nanswers \[ 0, 1, 1, 0 \]/)
  const info = run(join(folder, 'node_modules/.bin/nabla'), ['info', '--json'], folder)
  expect(info.stderr).toMatch(said)
  return (JSON.parse(info.stdout) as { backend: string }).backend
}

describe('without a compiler', () => {
  test('it installs, says so in one line, and runs as WebAssembly', () => {
    // A PATH of npm's needs alone.
    const bin = join(base, 'bin')
    mkdirSync(bin)
    for (const tool of ['node', 'npm', 'sh', 'env']) {
      const found = (process.env.PATH ?? '')
        .split(delimiter)
        .map((folder) => join(folder, tool))
        .find((file) => existsSync(file))!
      symlinkSync(tool === 'npm' ? realpathSync(found) : found, join(bin, tool))
    }
    const { folder, output } = install('bare', { PATH: bin, CXX: '' })
    expect(output.match(/^nabla: .*$/gm)).toEqual([
      'nabla: no native addon (no C++ compiler found: install g++ or set CXX); the WebAssembly backend will be used',
    ])
    expect(tryOut(folder, notice)).toBe('wasm')
    const native = run(
      'node',
      ['-e', "import('nabla').then((n) => n.setBackend('native'))"],
      folder,
    )
    expect(native.stderr).toMatch(
      /backend must be available here; got native\. The native addon is missing/,
    )
  }, 180_000)

  test('types are there for every entry', () => {
    const folder = join(base, 'bare')
    writeFileSync(
      join(folder, 'user.ts'),
      `${names.map((n, i) => `import * as n${i} from '${n}'`).join('\n')}
       import { compile, type Tensor, tensor } from 'nabla'
       const f = compile((x: Tensor, axis: number): Tensor => x.sum(axis))
       const y: number = f(tensor([[1, 2]]), 0).item()
       // @ts-expect-error the axis is a number
       f(tensor([1]), 'rows')
       export const all = [y, ${names.map((_, i) => `n${i}`).join(', ')}]`,
    )
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const { stdout, status } = run(
      'node',
      [
        tsc,
        '--noEmit',
        '--strict',
        '--skipLibCheck',
        '--module',
        'nodenext',
        '--target',
        'es2022',
        '--lib',
        'es2023,dom,dom.iterable,esnext.disposable',
        'user.ts',
      ],
      folder,
    )
    expect(stdout).toBe('')
    expect(status).toBe(0)
  }, 60_000)
})

describe('with a compiler', () => {
  test('it builds the addon and runs natively', () => {
    const { folder, output } = install('full', {})
    expect(output).toMatch(/^nabla: built the native addon in \d+\.\d s$/m)
    // Object files are gone.
    expect(readdirSync(join(folder, 'node_modules/nabla/build')).sort()).toEqual([
      'nabla.node',
      'native.stamp',
    ])
    expect(tryOut(folder, /^$/)).toBe('native')
  }, 600_000)
})
