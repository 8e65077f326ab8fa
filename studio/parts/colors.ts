/** Colours of numbers: blue above 0, orange below, as far from the paper as the number from 0. Safe for the colour-blind. */
import { dark } from '../shell/theme.js'

type Rgb = readonly [number, number, number]
const above: Rgb = [31, 96, 196]
const below: Rgb = [224, 122, 22]
const paper = (): Rgb => (dark.value ? [26, 30, 40] : [246, 246, 244])

/** A number in -1 to 1. */
export function tint(value: number): Rgb {
  const v = Math.max(-1, Math.min(1, value))
  const to = v >= 0 ? above : below
  const from = paper()
  const a = Math.sqrt(Math.abs(v)) * 0.92
  return [0, 1, 2].map((i) => Math.round(from[i]! + (to[i]! - from[i]!) * a)) as unknown as Rgb
}
export const css = (value: number): string => `rgb(${tint(value).join(' ')})`

/** Colours of classes, of curves: Okabe and Ito's, which everybody can tell apart. */
export const series = (i: number): string =>
  (dark.value
    ? [
        '#7aa7ff',
        '#f5a65b',
        '#4fc9a1',
        '#e58ac2',
        '#d9c94f',
        '#9fd3f5',
        '#c5a3ff',
        '#f08a7a',
        '#a8b0bd',
        '#8fd16f',
      ]
    : [
        '#1f60c4',
        '#b35600',
        '#00795a',
        '#a03f86',
        '#7a6a00',
        '#2780b0',
        '#6a3fb5',
        '#b3372a',
        '#5b6270',
        '#4b8027',
      ])[i % 10]!
