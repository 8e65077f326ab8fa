// How the scripts that change modules on their way into the package's files read and edit them.
import { root } from './targets.mjs'

export const modules = 'build/js'
/** A module's path from the folder of modules. */
export const relative = (id) => id.slice(`${root}/${modules}/`.length)

/** Whether a module is one of the package. */
export const ours = (id) => id.startsWith(`${root}/${modules}/`)

/** The children of a syntax node. */
export function* childrenOf(node) {
  for (const value of Object.values(node))
    for (const child of Array.isArray(value) ? value : [value])
      if (typeof child?.type === 'string') yield child
}
/** The text with each `[start, end, text]` put in. */
export function edited(code, edits) {
  let result = code
  for (const [start, end, text] of edits.sort((a, b) => b[0] - a[0]))
    result = result.slice(0, start) + text + result.slice(end)
  return result
}
/** An expression without the brackets around it. */
export const bare = (node) =>
  node.type === 'ParenthesizedExpression' ? bare(node.expression) : node
