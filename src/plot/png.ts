/** Charts as PNG and as files. */
import { renderSvg, writeAtomic } from '#host'
import { ValueError } from '../core/errors.js'
import { checkOptions, type OptionNames } from '../core/options.js'

export interface SvgToPngOptions {
  /** Pixels of the PNG for a pixel of the SVG; 2 when not given, as sharp screens show it. */
  scale?: number
  /** Contents of TTF or OTF files with the letters of the text; DejaVu Sans when not given. Only in Node. */
  fonts?: readonly Uint8Array[]
}
const options: OptionNames<SvgToPngOptions> = { scale: true, fonts: true }

/**
 * An SVG, such as a chart, as the bytes of a PNG. In Node the packages @resvg/resvg-wasm and dejavu-fonts-ttf draw it;
 * in a page the browser does.
 * @throws ValueError for another scale than 0.1 to 10, or when the packages are missing
 * @example writeFileSync('loss.png', await svgToPng(lineChart({ loss: [0.9, 0.5, 0.4] })))
 */
export async function svgToPng(svg: string, given: SvgToPngOptions = {}): Promise<Uint8Array> {
  const { scale = 2, fonts } = checkOptions('svgToPng', given, options)
  if (!(scale >= 0.1 && scale <= 10))
    throw new ValueError({
      op: 'svgToPng',
      rule: 'the scale must lie from 0.1 to 10',
      got: `${scale}`,
    })
  return renderSvg(svg, scale, fonts)
}

/**
 * Writes a chart to a file, in Node: as SVG or PNG, as the name ends.
 * @throws ValueError for another ending, FileError when the file cannot be written
 * @example await saveChart('loss.png', lineChart({ loss: [0.9, 0.5, 0.4] }))
 */
export async function saveChart(
  path: string,
  svg: string,
  given: SvgToPngOptions = {},
): Promise<void> {
  if (/\.svg$/i.test(path)) writeAtomic(path, svg)
  else if (/\.png$/i.test(path)) writeAtomic(path, await svgToPng(svg, given))
  else
    throw new ValueError({ op: 'saveChart', rule: 'the name must end in .svg or .png', got: path })
}
