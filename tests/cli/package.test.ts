/** The package as its users get it: what is in it, how it is found, what it says without an addon. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { rolldown } from 'rolldown'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  install,
  manifest,
  names,
  type Outcome,
  pack,
  packPrebuilt,
  program,
  run,
  type Tarball,
  temporary,
} from './packed.js'
import { root } from './run.js'

const base = temporary()
let tarball: Tarball
beforeAll(() => {
  tarball = pack(base)
}, 120_000)

const bin = (name: string) => join(root, 'node_modules/.bin', name)

test('it holds what is run and built, and nothing else', () => {
  for (const file of ['README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts', 'kernels/vm.cpp'])
    expect(tarball.files).toContain(file)
  expect(tarball.files.filter((f) => f.endsWith('.wasm')).length).toBe(
    readdirSync(join(root, 'src/backends/cpu/wasm')).length,
  )
  const rooms = new Set(tarball.files.map((f) => f.split('/')[0]))
  expect([...rooms].sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'dist',
    'kernels',
    'package.json',
    'scripts',
  ])
})

test('every entry has what each way of loading needs', async () => {
  const { exportsOf } = (await import('../../scripts/exports.mjs' as string)) as {
    exportsOf(exports: object): object
  }
  // `node scripts/exports.mjs` writes it.
  expect(manifest).toMatchObject(exportsOf(manifest.exports))
  expect(JSON.stringify(manifest.exports)).toBe(
    JSON.stringify((exportsOf(manifest.exports) as typeof manifest).exports),
  )
})

test('publint finds nothing', () => {
  const { stdout, status } = run(bin('publint'), ['run', tarball.path, '--strict'], base)
  expect(stdout).toMatch(/All good!/)
  expect(status).toBe(0)
}, 60_000)

test('types are found by every kind of resolution (attw)', () => {
  const { stdout, status } = run(bin('attw'), [tarball.path, '--format', 'ascii'], base)
  expect(stdout).toMatch(/No problems found/)
  expect(status).toBe(0)
}, 60_000)

/** The first JavaScript of the README. */
const readme = () => /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'))![1]!

const notice =
  /^nabla: computing with WebAssembly, since the native addon is missing \(.+\)\. Install without --omit=optional or --ignore-scripts, or run npm rebuild nabla \(pnpm approve-builds, yarn rebuild nabla\); NABLA_BACKEND=wasm or NABLA_QUIET=1 hides this line\.\n$/

/** Every entry imports, the README's example runs, the command answers. Gives the backend in use. */
function tryOut(folder: string, said: RegExp): string {
  writeFileSync(
    join(folder, 'all.js'),
    `for (const name of ${JSON.stringify(names)}) {
       const entry = await import(name)
       if (name !== 'nabla/reference' && Object.keys(entry).length === 0) throw new Error(name + ' is empty')
     }`,
  )
  const all = run('node', ['all.js'], folder)
  expect(all.stderr).toBe('')
  expect(all.status).toBe(0)
  writeFileSync(join(folder, 'readme.js'), readme())
  const first = run('node', ['readme.js'], folder)
  expect(first.stderr).toMatch(said)
  expect(first.stdout).toMatch(/loss 0\.0\d\d\nanswers \[ 0, 1, 1, 0 \]/)
  const info = run(join(folder, 'node_modules/.bin/nabla'), ['info', '--json'], folder)
  expect(info.stderr).toMatch(said)
  return (JSON.parse(info.stdout) as { backend: string }).backend
}

describe('without a compiler and without a prebuilt addon', () => {
  let folder: string
  beforeAll(() => {
    // A PATH of npm's needs alone.
    const tools = join(base, 'bin')
    mkdirSync(tools)
    for (const tool of ['node', 'npm', 'sh', 'env']) {
      const found = (process.env.PATH ?? '')
        .split(delimiter)
        .map((place) => join(place, tool))
        .find((file) => existsSync(file))!
      symlinkSync(tool === 'npm' ? realpathSync(found) : found, join(tools, tool))
    }
    const env = { PATH: tools, CXX: '' }
    const installed = install(base, 'bare', [tarball.path], { env, scripts: true })
    folder = installed.folder
    expect(installed.output.match(/^nabla: .*$/gm)).toEqual([
      'nabla: no native addon (no C++ compiler found: install g++ or set CXX); the WebAssembly backend will be used',
    ])
  }, 120_000)

  test('it runs as WebAssembly and says so in one line', () => {
    expect(tryOut(folder, notice)).toBe('wasm')
    for (const name of ['NABLA_QUIET', 'NABLA_BACKEND'])
      expect(run('node', ['readme.js'], folder, { [name]: 'wasm' }).stderr).toBe('')
    const native = run(
      'node',
      ['-e', "import('nabla').then((n) => n.setBackend('native'))"],
      folder,
    )
    expect(native.stderr).toMatch(
      /backend must be available here; got native\. The native addon is missing/,
    )
  }, 60_000)

  test('once in a process, threads included', () => {
    writeFileSync(
      join(folder, 'threads.js'),
      `import { Worker } from 'node:worker_threads'
       import { tensor } from 'nabla'
       const once = () => new Promise((done) => new Worker(
         "import('nabla').then(({ tensor }) => tensor([1]).sum().item())", { eval: true }).on('exit', done))
       if (process.argv[2] === 'first') tensor([1]).sum().item()
       await once()
       await once()`,
    )
    expect(run('node', ['threads.js', 'first'], folder).stderr).toMatch(notice)
  }, 30_000)

  test('a file that NABLA_ADDON names is used, or the reason is told', () => {
    const addon = join(root, 'build/nabla.node')
    writeFileSync(join(folder, 'program.js'), program)
    const good = run('node', ['program.js'], folder, { NABLA_ADDON: addon })
    expect((JSON.parse(good.stdout) as Outcome).backend).toBe('native')
    const bad = run('node', ['program.js'], folder, { NABLA_ADDON: 'no/such.node' })
    expect(bad.stderr).toMatch(/missing \(Cannot find module .*such\.node/)
  }, 30_000)

  /** A project in TypeScript that uses every entry, checked with the declarations themselves. */
  function check(name: string, file: string, options: object) {
    writeFileSync(
      join(folder, `${name}.json`),
      JSON.stringify({
        compilerOptions: {
          noEmit: true,
          strict: true,
          exactOptionalPropertyTypes: true,
          skipLibCheck: false,
          target: 'es2022',
          lib: ['es2022'],
          types: [],
          ...options,
        },
        files: [file],
      }),
    )
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    return run('node', [tsc, '-p', `${name}.json`], folder).stdout
  }
  const user = (file: string) => {
    writeFileSync(
      join(folder, file),
      `${names.map((n, i) => `import * as n${i} from '${n}'`).join('\n')}
       import { compile, type Tensor, tensor } from 'nabla'
       import { Linear } from 'nabla/nn'
       const f = compile((x: Tensor, axis: number): Tensor => x.sum(axis))
       const y: number = f(tensor([[1, 2]]), 0).item()
       const z: Tensor = new Linear(2, 3).forward(tensor([[1, 2]]))
       // @ts-expect-error the axis is a number
       f(tensor([1]), 'rows')
       export const all = [y, z, ${names.map((_, i) => `n${i}`).join(', ')}]`,
    )
    return file
  }

  test('types check without DOM, with @types/node and without, as ES modules and CommonJS', () => {
    const found: Record<string, string> = {}
    mkdirSync(join(folder, 'node_modules/@types'), { recursive: true })
    for (const nodeTypes of [false, true]) {
      if (nodeTypes)
        for (const name of ['@types/node', 'undici-types'])
          symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
      const types = nodeTypes ? ['node'] : []
      for (const [kind, file, module] of [
        ['esm', user('user.mts'), 'nodenext'],
        ['cjs', user('user.cts'), 'nodenext'],
        ['node16', user('user.mts'), 'node16'],
        ['bundler', user('user.ts'), 'preserve'],
      ] as const)
        found[`${kind}, types: [${types}]`] = check(`${kind}-${nodeTypes}`, file, { module, types })
      found[`dom, types: [${types}]`] = check(`dom-${nodeTypes}`, 'user.mts', {
        module: 'nodenext',
        lib: ['es2022', 'dom'],
        types,
      })
    }
    expect(Object.fromEntries(Object.entries(found).filter(([, text]) => text))).toEqual({})
  }, 120_000)

  test('a bundle keeps what registers methods, and drops what is not used', async () => {
    const bundle = async (name: string, code: string, platform: 'node' | 'browser' = 'node') => {
      writeFileSync(join(folder, `${name}.in.js`), code)
      const build = await rolldown({
        input: join(folder, `${name}.in.js`),
        cwd: folder,
        platform,
        logLevel: 'silent',
      })
      const { output } = await build.write({ dir: join(folder, name), format: 'esm', minify: true })
      await build.close()
      return output.reduce((sum, f) => sum + (f.type === 'chunk' ? f.code.length : 0), 0)
    }
    // Methods of tensors are there though no function of `nabla` itself is imported.
    const layers = await bundle(
      'layers',
      `import { Linear } from 'nabla/nn'
       import { SGD } from 'nabla/optim'
       const layer = new Linear(2, 1)
       const loss = layer.weight.mul(2).exp().sum().add(layer.bias.sum())
       loss.backward()
       new SGD(layer.parameters(), { lr: 0.1 }).step()
       console.log(String(layer.weight).slice(0, 7), layer.weight.matmul(layer.weight.t()).shape.join())`,
    )
    const ran = run('node', ['layers/layers.in.js'], folder, { NABLA_BACKEND: 'reference' })
    expect(ran.stderr).toBe('')
    expect(ran.stdout).toMatch(/^(tensor\(|Paramet).* 1,1\n$/)
    const unused = await bundle(
      'unused',
      `import { Linear } from 'nabla/nn'
       import * as train from 'nabla/train'
       import { tensor } from 'nabla'
       console.log('nothing of it')`,
    )
    expect(unused).toBeLessThan(1000)
    const everything = await bundle(
      'everything',
      `${names.map((n, i) => `import * as n${i} from '${n}'`).join('\n')}
       console.log(${names.map((_, i) => `n${i}`).join(', ')})`,
    )
    expect(layers).toBeLessThan(0.8 * everything)
    // What is imported for its effect alone stays.
    const daily = "import { tensor } from 'nabla'\nconsole.log(tensor([1]))\n"
    const plain = await bundle('daily', daily, 'browser')
    for (const name of ['methods', 'reference'])
      expect(await bundle(name, `${daily}import 'nabla/${name}'`, 'browser')).toBeGreaterThan(
        plain + 1000,
      )
  }, 60_000)
})

describe('with a prebuilt addon, install scripts blocked', () => {
  test('it runs natively; a package of another version or one that does not load is passed over', () => {
    const prebuilt = packPrebuilt(base)
    const { folder } = install(base, 'prebuilt', [tarball.path, prebuilt.path])
    expect(existsSync(join(folder, 'node_modules/nabla/build'))).toBe(false)
    expect(tryOut(folder, /^$/)).toBe('native')
    const at = join(folder, 'node_modules', prebuilt.name)
    const file = join(at, 'package.json')
    const text = readFileSync(file, 'utf8')
    const { os, cpu, files } = JSON.parse(text) as Record<string, string[]>
    expect([os, cpu, files]).toEqual([[process.platform], [process.arch], ['nabla.node']])
    writeFileSync(file, text.replace(`"version": "${manifest.version}"`, '"version": "0.0.1"'))
    expect(run('node', ['readme.js'], folder).stderr).toMatch(
      /is 0\.0\.1, which is not the version/,
    )
    writeFileSync(file, text)
    writeFileSync(join(at, 'nabla.node'), 'nothing')
    expect(run('node', ['readme.js'], folder).stderr).toMatch(notice)
  }, 400_000)
})

test('links of the README lead to files', () => {
  for (const file of ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md']) {
    const text = readFileSync(join(root, file), 'utf8')
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!)
    const missing = links
      .filter((link) => !/^(https?:|#)/.test(link))
      .filter((link) => !existsSync(join(root, dirname(file), link.replace(/#.*/, ''))))
    expect(missing, file).toEqual([])
  }
})

test('the README of the published package links to the repository, and packages have one version', () => {
  const stage = (...options: string[]) =>
    run(
      'node',
      [join(root, 'scripts/release.mjs'), 'stage', '--out', join(base, 'stage'), ...options],
      base,
    )
  const release = (...args: string[]) =>
    run('node', [join(root, 'scripts/release.mjs'), ...args], base)
  expect(release('check', '--tag', `v${manifest.version}`).stderr).toMatch(/names no repository/)
  expect(release('notes').stdout.length).toBeGreaterThan(100)
  // Without a repository nothing is made for publishing.
  const none = stage()
  expect(none.status).toBe(1)
  expect(none.stderr).toMatch(/package\.json names no repository/)
  const made = stage('--repository', 'git+https://example.org/some/nabla.git')
  expect(made.stderr).toBe('')
  expect(made.status).toBe(0)
  const read = (file: string) => readFileSync(join(base, 'stage/nabla', file), 'utf8')
  const links = [...read('README.md').matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!)
  expect(links.length).toBeGreaterThan(3)
  for (const link of links) expect(link).toMatch(/^(https:\/\/|#)/)
  expect(links).toContain(`https://example.org/some/nabla/blob/v${manifest.version}/docs/map.md`)
  const published = JSON.parse(read('package.json')) as {
    optionalDependencies: Record<string, string>
    devDependencies?: object
    repository: { url: string }
    scripts: Record<string, string>
  }
  expect(published.optionalDependencies).toEqual(
    Object.fromEntries(
      [
        'darwin-arm64',
        'darwin-x64',
        'linux-arm64-gnu',
        'linux-arm64-musl',
        'linux-x64-gnu',
        'linux-x64-musl',
        'win32-x64',
      ].map((name) => [`nabla-${name}`, manifest.version]),
    ),
  )
  expect(published.devDependencies).toBeUndefined()
  expect(Object.keys(published.scripts)).toEqual(['install'])
  expect(published.repository.url).toBe('git+https://example.org/some/nabla.git')
}, 60_000)
