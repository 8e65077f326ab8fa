/** The files of a site, and what a request gets of them. */
import { createReadStream, realpathSync, statSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, sep } from 'node:path'

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}

/** Where the parts of the site lie on the disk, by where they lie on the site; the longest prefix counts. */
export interface Places {
  [prefix: string]: string
}

/** The file that a path of the site means; undefined when there is none, or none that lies in its place. */
export function fileAt(places: Places, url: string): string | undefined {
  let path: string
  try {
    path = decodeURIComponent(url.split(/[?#]/)[0]!)
  } catch {
    return undefined
  }
  if (path.includes('\0') || path.includes('\\')) return undefined
  if (path === '/') path = '/index.html'
  const prefix = Object.keys(places)
    .filter((p) => path.startsWith(p))
    .sort((a, b) => b.length - a.length)[0]
  if (prefix === undefined) return undefined
  const file = join(places[prefix]!, path.slice(prefix.length))
  try {
    // Links are followed: what counts is where the file is.
    const real = realpathSync(file)
    const inside = real.startsWith(realpathSync(places[prefix]!) + sep)
    return inside && statSync(real).isFile() ? real : undefined
  } catch {
    return undefined
  }
}

/** Answers with the file that the request means, or that there is none. */
export function sendFile(places: Places, request: IncomingMessage, response: ServerResponse): void {
  const path = (request.url ?? '/').split('?')[0]!
  const file = fileAt(places, request.url ?? '/')
  if (file === undefined) {
    response.writeHead(404, { 'content-type': types['.txt'] }).end(`no ${path}`)
    return
  }
  response.writeHead(200, {
    'content-type': types[extname(file).toLowerCase()] ?? 'application/octet-stream',
    'content-length': statSync(file).size,
    // Names in assets/ hold a hash of what is in them.
    'cache-control': path.startsWith('/assets/') ? 'max-age=31536000, immutable' : 'no-cache',
  })
  if (request.method === 'HEAD') response.end()
  else
    createReadStream(file)
      // It went away, or may not be read.
      .on('error', () => response.destroy())
      .pipe(response)
}
