/** The text of the program that a page runs, as a file of its own. */

/**
 * `source` is the page's `.program.js` as it is written: what the worker runs. Its `main(settings)` prints what the page
 * shows; the settings of the page go in front of it.
 */
export function programText(source: string, settings: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(settings).map(([k, v]) => `  ${k}: ${JSON.stringify(v)},`)
  const body = source
    .replace('// @ts-check\n', '')
    .replace(/^export /gm, '')
    .trimEnd()
  // Imports stay first.
  const imports = body.match(/^import [\s\S]*?from '[^']+'\n/gm) ?? []
  const rest = body.replace(/^import [\s\S]*?from '[^']+'\n/gm, '').trimStart()
  return `${imports.join('')}\nconst settings = {\n${lines.join('\n')}\n}\n\n${rest}\n\nmain(settings)\n`
}
