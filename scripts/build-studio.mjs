// nabla studio: from studio/ to dist/studio, by Vite. Its pages import `nabla` from the files of the package that pages
// load (dist/browser), which lie beside it as `nabla/` wherever it is served: nothing of the engine is in it twice.
import { fileURLToPath } from 'node:url'
import { root } from './targets.mjs'

/** Where a file of the studio, which lies in assets/, finds an entry of the package. */
const engine = (name) =>
  `../nabla/browser/${name === 'nabla' ? name : name.slice('nabla/'.length)}.js`
const external = (id) => /^nabla(\/|$)/.test(id)

const options = { checks: { pluginTimings: false }, external, output: { paths: engine } }

/** Browsers that run WebAssembly read WOFF2: KaTeX's other forms of its fonts stay away. */
const fonts = {
  name: 'fonts',
  enforce: 'pre',
  transform(code, id) {
    if (!id.includes('katex.min.css')) return null
    return code.replace(/,url\([^)]*\.(woff|ttf)\) format\("\w+"\)/g, '')
  },
}

export async function buildStudio(out = `${root}/dist/studio`) {
  const { build } = await import('vite')
  await build({
    configFile: false,
    root: `${root}/studio`,
    // Links from the page's own place: a site may lie in a folder.
    base: './',
    logLevel: 'warn',
    plugins: [fonts],
    build: {
      outDir: out,
      emptyOutDir: true,
      target: 'es2022',
      // The policy of the server allows no data: addresses for fonts.
      assetsInlineLimit: 0,
      // Formulas and 3-D have large files of their own, which come when they are needed.
      chunkSizeWarningLimit: 800,
      modulePreload: { polyfill: false },
      rolldownOptions: options,
    },
    worker: {
      format: 'es',
      rolldownOptions: options,
    },
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildStudio()
