/** Giving way to other events: input, painting, requests. */

/** After what time a long loop gives way. */
const EVERY_MS = 8

let channel: MessageChannel | undefined
const waiting: (() => void)[] = []

/** A new task of the event loop. Not by a timer: in browsers timers that start each other wait 4 ms. */
function nextTask(): Promise<void> {
  const { setImmediate } = globalThis as { setImmediate?: (done: () => void) => void }
  return new Promise((done) => {
    if (setImmediate) {
      setImmediate(done)
      return
    }
    if (!channel) {
      channel = new MessageChannel()
      channel.port1.onmessage = () => waiting.shift()?.()
    }
    waiting.push(done)
    channel.port2.postMessage(0)
  })
}

/** A function to be called in a loop: it waits for other events when the last time is a while ago. */
export function pacer(): () => Promise<void> | undefined {
  let last = performance.now()
  const pause = async () => {
    await nextTask()
    last = performance.now()
  }
  return () => (performance.now() - last > EVERY_MS ? pause() : undefined)
}
