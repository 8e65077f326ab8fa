/** Workers of `step.async` in a page, for `#runner`: apart from the platform, since few pages start one. */

/** A worker that is given as text. */
export function startRunner(
  source: string,
  receive: (message: unknown) => void,
  failed: (error: string) => void,
) {
  const worker = new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })), {
    name: 'nabla async',
  })
  worker.onmessage = ({ data }) => receive(data)
  worker.onerror = (event) => failed(event.message ?? 'the worker could not be started')
  return {
    post: (message: object, transfer: readonly ArrayBuffer[] = []): void =>
      worker.postMessage(message, [...transfer]),
    ref(): void {},
    unref(): void {},
  }
}
