/** The sound of a microphone, in pages. */
import { BackendError, ValueError } from '../core/errors.js'
import { checkOptions, kinds, type OptionNames } from '../core/options.js'

export interface MicrophoneOptions {
  /** Hz; what the device has when not given. */
  sampleRate?: number
  /** Samples of each piece; 4,096 when not given. */
  chunkSize?: number
  /** Seconds that wait for a reader that is late; older pieces are dropped and counted. 10 when not given. */
  bufferSeconds?: number
  /** Which device, by `navigator.mediaDevices.enumerateDevices()`; the user's choice when not given. */
  deviceId?: string
  /** The browser's own work on voices for calls; all off when not given, since it changes the sound. */
  echoCancellation?: boolean
  noiseSuppression?: boolean
  autoGainControl?: boolean
}
const names: OptionNames<MicrophoneOptions> = {
  sampleRate: true,
  chunkSize: true,
  bufferSeconds: true,
  deviceId: true,
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
}

/** A microphone that is open: pieces of one channel, until `stop`. */
export interface Microphone extends AsyncIterable<Float32Array> {
  /** Hz. */
  readonly sampleRate: number
  /** Samples that no one read in time. */
  readonly dropped: number
  /** Closes the microphone; who waits for a piece gets the end. */
  stop(): Promise<void>
}

/** What runs beside the page: gathers blocks of 128 samples to pieces. */
const worklet = `registerProcessor('nabla-microphone', class extends AudioWorkletProcessor {
  constructor(options) {
    super()
    this.size = options.processorOptions.chunkSize
    this.begin()
  }
  begin() {
    this.piece = new Float32Array(this.size)
    this.at = 0
  }
  process([input]) {
    const block = input[0]
    for (let i = 0; block && i < block.length; ) {
      const n = Math.min(block.length - i, this.size - this.at)
      this.piece.set(block.subarray(i, i + n), this.at)
      i += n
      this.at += n
      if (this.at === this.size) {
        this.port.postMessage(this.piece, [this.piece.buffer])
        this.begin()
      }
    }
    return true
  }
})`

/** Why a browser does not give the microphone, by the names of its errors (Media Capture and Streams, W3C). */
const reasons: Record<string, [string, string]> = {
  NotAllowedError: [
    'the user must allow the microphone',
    'Ask again after a click, or allow it in the settings of the page.',
  ],
  NotFoundError: ['there must be a microphone', 'Connect one.'],
  NotReadableError: ['the microphone must be free', 'Does another program use it?'],
  OverconstrainedError: ['a microphone must fit the options', 'Leave out deviceId and sampleRate.'],
}

/**
 * Opens the microphone of a page and gives its sound in pieces (Float32Array, one channel, −1 to 1; where the rate is converted a little more).
 * @throws ValueError outside of a page and in one that is not served by https (or from localhost); BackendError when the user or
 * the device refuses
 * @example
 * const mic = await microphone({ sampleRate: 16000 })
 * for await (const piece of mic) {
 *   const mel = melSpectrogram(tensor(piece), { sampleRate: mic.sampleRate })
 *   if (enough) await mic.stop()
 * }
 */
export async function microphone(options: MicrophoneOptions = {}): Promise<Microphone> {
  const op = 'microphone'
  const {
    sampleRate,
    chunkSize = 4096,
    bufferSeconds = 10,
    deviceId,
    echoCancellation = false,
    noiseSuppression = false,
    autoGainControl = false,
  } = checkOptions(op, options, names)
  if (!kinds.count.holds(chunkSize))
    throw new ValueError({ op, rule: `chunkSize is ${kinds.count.rule}`, got: `${chunkSize}` })
  if (!(bufferSeconds > 0))
    throw new ValueError({ op, rule: 'bufferSeconds is above 0', got: `${bufferSeconds}` })
  if (typeof AudioContext === 'undefined' || typeof navigator === 'undefined')
    throw new ValueError({
      op,
      rule: 'a microphone can be opened in a page',
      got: 'a place without AudioContext',
      fix: 'In Node, read files: readWav(path).',
    })
  if (globalThis.isSecureContext === false || !navigator.mediaDevices)
    throw new ValueError({
      op,
      rule: 'browsers give the microphone to pages by https or from localhost only',
      got: globalThis.location?.origin ?? 'another page',
      fix: 'Serve the page by https.',
    })
  let media: MediaStream
  try {
    const audio = { echoCancellation, noiseSuppression, autoGainControl, channelCount: 1 }
    media = await navigator.mediaDevices.getUserMedia({
      audio: { ...audio, ...(deviceId !== undefined && { deviceId: { exact: deviceId } }) },
    })
  } catch (cause) {
    const { name, message } = cause as Error
    const [rule, fix] = reasons[name] ?? ['the browser must give the microphone', '']
    throw new BackendError({ op, rule, got: `${name}: ${message}`, ...(fix && { fix }) }, { cause })
  }
  const closeMedia = () => {
    for (const track of media.getTracks()) track.stop()
  }
  let context: AudioContext | undefined
  try {
    context = new AudioContext(sampleRate === undefined ? {} : { sampleRate })
    const place = URL.createObjectURL(new Blob([worklet], { type: 'text/javascript' }))
    try {
      await context.audioWorklet.addModule(place)
    } finally {
      URL.revokeObjectURL(place)
    }
    const node = new AudioWorkletNode(context, 'nabla-microphone', {
      numberOfOutputs: 0,
      processorOptions: { chunkSize },
    })
    context.createMediaStreamSource(media).connect(node)
    await context.resume()
    return reader(node.port, context, bufferSeconds, closeMedia)
  } catch (cause) {
    closeMedia()
    await context?.close()
    const { name, message } = cause as Error
    const got = `${name}: ${message}`
    throw new BackendError({ op, rule: 'the browser must open its sound', got }, { cause })
  }
}

/** Pieces as they come, in the order of the readers that wait. */
function reader(
  port: MessagePort,
  context: AudioContext,
  bufferSeconds: number,
  closeMedia: () => void,
): Microphone {
  const most = bufferSeconds * context.sampleRate
  const pieces: Float32Array[] = []
  const waiting: ((r: IteratorResult<Float32Array>) => void)[] = []
  let [held, dropped, open] = [0, 0, true]
  port.onmessage = ({ data }: { data: Float32Array }) => {
    if (!open) return
    const next = waiting.shift()
    if (next) {
      next({ done: false, value: data })
      return
    }
    pieces.push(data)
    held += data.length
    while (held > most && pieces.length > 1) {
      const old = pieces.shift()!.length
      held -= old
      dropped += old
    }
  }
  const stop = async () => {
    if (!open) return
    open = false
    port.onmessage = null
    closeMedia()
    for (const next of waiting.splice(0)) next({ done: true, value: undefined })
    await context.close()
  }
  return {
    sampleRate: context.sampleRate,
    get dropped() {
      return dropped
    },
    stop,
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const value = pieces.shift()
        if (value) {
          held -= value.length
          return Promise.resolve({ done: false, value })
        }
        if (!open) return Promise.resolve({ done: true, value: undefined })
        return new Promise((found) => waiting.push(found))
      },
      // Leaving the loop closes the microphone.
      return: async () => {
        await stop()
        return { done: true, value: undefined }
      },
    }),
  }
}
