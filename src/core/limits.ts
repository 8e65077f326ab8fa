/**
 * How much memory a file may take. A few bytes can claim, or unpack to, gigabytes: sizes are read from headers and compared
 * with the limit before memory is taken, and unpacking stops at the size that the header gives.
 */
import { FileError, ValueError } from './errors.js'
import { grouped } from './text.js'

/** The limit when nothing else is said: 1 GiB. */
export const MAX_BYTES = 2 ** 30

export interface LimitOptions {
  /**
   * The most bytes that the contents may take in memory; 1 GiB (2 ** 30) when not given. Raise it for a large file that
   * you trust.
   */
  maxBytes?: number
}

/** The limit as a checked number. @throws ValueError */
export function limitOf(op: string, maxBytes = MAX_BYTES): number {
  if (!(maxBytes >= 1))
    throw new ValueError({
      op,
      rule: 'maxBytes must be a number of bytes above 0',
      got: `${maxBytes}`,
    })
  return maxBytes
}

/** @throws FileError when `bytes`, which `what` needs by its header, are more than the limit */
export function requireRoom(op: string, what: string, bytes: number, maxBytes?: number): void {
  const limit = limitOf(op, maxBytes)
  if (bytes <= limit) return
  throw new FileError({
    op,
    rule: `the contents may take at most ${grouped(limit)} bytes (maxBytes)`,
    got: `${what}, which needs ${grouped(bytes)}`,
    fix: 'Is it the right file? Raise maxBytes if you trust it.',
  })
}

/** Unpacked data went on after the most bytes that it may have. */
export class TooLong extends Error {}
