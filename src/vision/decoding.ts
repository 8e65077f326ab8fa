/** Options of what reads images. */
import { ValueError } from '../core/errors.js'
import type { ColorMode, DecodeOptions } from '../core/image.js'
import { checkOptions, type OptionNames } from '../core/options.js'

const known: OptionNames<DecodeOptions> = {
  mode: true,
  name: true,
  maxBytes: true,
  exifOrientation: true,
}

/** A mode alone is short for options with it. */
export function decodeOptions(
  op: string,
  given: ColorMode | DecodeOptions | undefined,
): DecodeOptions {
  const options = checkOptions(op, typeof given === 'string' ? { mode: given } : given, known)
  const { mode } = options
  if (mode !== undefined && mode !== 'L' && mode !== 'RGB' && mode !== 'RGBA')
    throw new ValueError({
      op,
      rule: "mode must be 'L', 'RGB' or 'RGBA'",
      got: `${mode as string}`,
    })
  return options
}
