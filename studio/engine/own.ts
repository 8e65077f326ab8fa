/** What every session of the worker can do beside its own answers: keep weights, and read pictures of the user's. */
import { adaptiveAvgPool2d, noGrad } from 'nabla'
import type { Session } from './session.js'

/** Nothing of this is loaded before it is asked for. */
const io = () => import('nabla/io')
const vision = () => import('nabla/vision')

export interface OwnPicture {
  width: number
  height: number
  /** As the file has them, colors not multiplied by alpha. */
  rgba: Uint8ClampedArray
  /** 28 by 28 numbers from 0 for black to 1 for white: the middle square, on white paper. */
  gray: number[]
}
const SIDE = 28

/** A file, or a picture of the camera. Never by way of a 2D canvas, which multiplies colors by alpha and loses them. */
export async function ownPicture(source: Blob | ImageBitmap): Promise<OwnPicture> {
  const { loadImage, toPixels } = await vision()
  const image = await loadImage(source as never, { mode: 'RGBA' })
  const [, height = 0, width = 0] = image.shape
  const gray = noGrad(() => {
    const light = image
      .select(0, 0)
      .mul(0.299)
      .add(image.select(0, 1).mul(0.587))
      .add(image.select(0, 2).mul(0.114))
    const alpha = image.select(0, 3)
    const onPaper = light.mul(alpha).add(alpha.neg().add(1))
    const side = Math.min(width, height)
    const square = onPaper
      .narrow(0, Math.floor((height - side) / 2), side)
      .narrow(1, Math.floor((width - side) / 2), side)
      .contiguous()
    return [...adaptiveAvgPool2d(square.reshape([1, 1, side, side]), SIDE).toTypedArray()]
  })
  return { width, height, rgba: toPixels(image).data, gray }
}

/** Answers by name, for a session of a page. */
export function ownAnswers(
  page: string,
  session: Session<object>,
): Readonly<Record<string, (...args: never[]) => unknown>> {
  const { model } = session
  const file = `${page}.safetensors`
  const picture = { picture: ownPicture }
  if (!model) return picture
  const bytes = async () => (await io()).serializeSafetensors(model.stateDict())
  const open = async (given: Uint8Array) => {
    model.loadStateDict((await io()).parseSafetensors(given).tensors)
    session.opened?.()
  }
  const store = async () => new (await io()).BrowserFiles('studio')
  return {
    ...picture,
    'weights.save': bytes,
    'weights.open': open,
    'weights.keep': async () => (await store()).write(file, await bytes()),
    'weights.kept': async () => (await (await store()).list()).includes(file),
    'weights.take': async () => open(await (await store()).read(file)),
  }
}
