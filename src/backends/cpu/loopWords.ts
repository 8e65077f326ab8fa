/** The words of a loop. Comes with what records loops. */
import { bytesOf } from '../../core/dtype.js'
import type { LoopStep, Plan } from '../lower/plan.js'
import { dtypeCodes, opcodes } from './opcodes.js'
import { long } from './words.js'

export function loopWords(
  { count = -1, reverse, go, memory, ins, outs, body }: LoopStep,
  write: (body: Plan) => { words: Int32Array },
): number[] {
  const slices = [...ins, ...outs].flatMap(({ inner, outer: { buffer, offset }, bytes }) => [
    inner.id, buffer.id, ...long(offset * bytesOf(buffer.dtype)), ...long(bytes),
  ]) // biome-ignore format: as in program.h
  const head = [
    opcodes.LOOP, dtypeCodes.float32, count, reverse ? 1 : 0, go?.id ?? -1, memory.length, ins.length, outs.length,
  ] // biome-ignore format: as in program.h
  const places = memory.flatMap(({ buffer, offset }) => [buffer.id, offset / 8])
  return [...head, ...places, ...slices, ...write(body).words]
}

declare module '../../core/extras.js' {
  interface Extras {
    loopWords: typeof loopWords
  }
}
