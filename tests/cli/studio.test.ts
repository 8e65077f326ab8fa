/** The server of `nabla studio`, and the studio as a static site. */
import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileAt } from '../../src/cli/siteFiles.js'
import { exportStudio, serveStudio, studioPlaces } from '../../src/cli/studio.js'
import { root } from '../rules/sources.js'

const base = mkdtempSync(join(tmpdir(), 'nabla-studio-'))
afterAll(() => rmSync(base, { recursive: true, force: true }))

describe('files', () => {
  const home = join(base, 'home')
  const places = { '/': home, '/data/': join(base, 'data') }
  beforeAll(() => {
    mkdirSync(join(home, 'assets'), { recursive: true })
    mkdirSync(join(base, 'data'))
    mkdirSync(join(base, 'home-2'))
    for (const file of [
      'home/index.html',
      'home/assets/a b.js',
      'data/x',
      'secret',
      'home-2/secret',
    ])
      writeFileSync(join(base, file), file)
    symlinkSync(join(base, 'secret'), join(home, 'link'))
  })
  test('what lies in its place is found', () => {
    expect(fileAt(places, '/')).toMatch(/index\.html$/)
    expect(fileAt(places, '/?x=1')).toMatch(/index\.html$/)
    expect(fileAt(places, '/assets/a%20b.js')).toMatch(/a b\.js$/)
    expect(fileAt(places, '/data/x')).toMatch(/data\/x$/)
  })
  test.each([
    '/../secret',
    '/..%2fsecret',
    '/%2e%2e/secret',
    '/assets/../../secret',
    '/data/../../secret',
    '/data/..%2f..%2fsecret',
    '/..\\secret',
    '/%5c..%5csecret',
    '/../home-2/secret',
    '/%2e%2e/home-2/secret',
    '//secret',
    '/link',
    '/assets',
    '/missing',
    '/%00',
    '/%',
    '/%ff',
    '/index.html%00.js',
  ])('%s is not', (path) => {
    expect(fileAt(places, path)).toBeUndefined()
  })
})

describe('the server', () => {
  let running: Awaited<ReturnType<typeof serveStudio>>
  beforeAll(async () => {
    running = await serveStudio(studioPlaces(), 0)
  })
  afterAll(() => running?.server.close())
  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    new Promise<{ status: number; headers: Record<string, unknown>; body: string }>(
      (done, failed) => {
        const { port } = new URL(running.url)
        request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
          let body = ''
          response.on('data', (d) => {
            body += d
          })
          response.on('end', () =>
            done({ status: response.statusCode!, headers: response.headers, body }),
          )
        })
          .on('error', failed)
          .end()
      },
    )

  test('gives the pages and the engine, isolated and under a policy', async () => {
    const page = await ask('/')
    expect(page.status).toBe(200)
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    for (const path of [
      '/',
      '/nabla/browser/nabla.js',
      '/nabla/backends/cpu/wasm/nabla-simd.wasm',
      '/nowhere',
    ]) {
      const { headers } = await ask(path, {}, 'HEAD')
      expect(headers['cross-origin-opener-policy']).toBe('same-origin')
      expect(headers['cross-origin-embedder-policy']).toBe('require-corp')
      expect(headers['content-security-policy']).toContain(
        "script-src 'self' blob: 'wasm-unsafe-eval'",
      )
      expect(headers['content-security-policy']).not.toMatch(/script-src[^;]*'unsafe/)
    }
    const wasm = await ask('/nabla/backends/cpu/wasm/nabla-simd.wasm', {}, 'HEAD')
    expect([wasm.status, wasm.headers['content-type']]).toEqual([200, 'application/wasm'])
    expect((await ask('/data/mnist/t10k-labels-idx1-ubyte', {}, 'HEAD')).status).toBe(200)
  })
  test('gives nothing else, and nothing to others', async () => {
    for (const path of [
      '/package.json',
      '/nabla/package.json',
      '/nabla/browser/../../package.json',
      '/..%2f..%2fpackage.json',
    ])
      expect((await ask(path)).status, path).toBe(404)
    expect((await ask('/', { host: 'evil.example' })).status).toBe(403)
    expect((await ask('/', { host: 'localhost.evil.example:80' })).status).toBe(403)
    expect((await ask('/', { host: 'localhost:1' })).status).toBe(200)
    expect((await ask('/', {}, 'POST')).status).toBe(405)
  })
  test('an answer that fails does not end the server', async () => {
    let calls = 0
    const failing = await serveStudio(studioPlaces(), 0, () => {
      if (calls++ === 0) throw new Error('the disk is gone')
      return false
    })
    try {
      const answer = await fetch(failing.url)
      expect([answer.status, await answer.text()]).toEqual([500, 'the disk is gone'])
      expect((await fetch(failing.url)).status).toBe(200)
    } finally {
      failing.server.close()
    }
  })
  test('a port that is taken is told with another way', async () => {
    const { port } = new URL(running.url)
    await expect(serveStudio(studioPlaces(), Number(port))).rejects.toThrow(
      `[studio] the port must be free; got port ${port}, which another program uses. Pass another one, such as --port 8123`,
    )
  })
})

test('nabla studio says its address and serves it', async () => {
  const child = spawn('node', ['dist/cli/main.js', 'studio', '--port', '0', '--no-open'], {
    cwd: root,
  })
  try {
    const url = await new Promise<string>((done, failed) => {
      child.stdout.on('data', (d) => done(/http:\S+/.exec(String(d))![0]))
      child.stderr.on('data', (d) => failed(new Error(String(d))))
    })
    const response = await fetch(url)
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('nabla studio')
  } finally {
    child.kill()
  }
}, 30_000)

test('--export writes a site that holds all that its pages load', () => {
  const out = join(base, 'site')
  const { '/data/mnist/': _, ...places } = studioPlaces()
  exportStudio(places, out)
  for (const file of [
    'index.html',
    'assets',
    'nabla/browser/nabla.js',
    'nabla/browser/nn.js',
    'nabla/backends/cpu/wasm/nabla-simd.wasm',
  ])
    expect(existsSync(join(out, file)), file).toBe(true)
  // Every address is relative: the site may lie in a folder.
  expect(readFileSync(join(out, 'index.html'), 'utf8')).not.toMatch(/(src|href)="\//)
})
