/** The kinds of arguments that several classes and functions take, as `kinds` of options.ts. */

/** What a value must be, for the message and for the check. */
export interface Kind {
  rule: string
  holds: (v: unknown) => boolean
}
const whole = (least: number) => (v: unknown) => Number.isInteger(v) && (v as number) >= least
const kind = (rule: string, holds: Kind['holds']): Kind => ({ rule, holds })

export const any = kind('anything', () => true)
export const flag = kind('true or false', (v) => typeof v === 'boolean')
export const number = kind('a number', (v) => typeof v === 'number' && !Number.isNaN(v))
/** How many there are of something; none is allowed. */
export const size = kind('a whole number from 0 up', whole(0))
export const count = kind('a whole number from 1 up', whole(1))
export const integer = kind('a whole number', Number.isInteger)
/** A number, or one for each axis. */
export const extents = kind(
  'a number or a list of numbers',
  (v) => typeof v === 'number' || (Array.isArray(v) && v.every((x) => typeof x === 'number')),
)
export const text = kind('a string', (v) => typeof v === 'string')
const callable = kind('a function', (v) => typeof v === 'function')
export { callable as function }
/** PyTorch has it; it would change nothing here. */
export const inplace = kind('left out: operations give new tensors here', (v) => v === false)
/** PyTorch has given it up in favour of reduction. */
export const givenUp = kind("left out: reduction is 'none', 'mean' or 'sum'", () => false)
