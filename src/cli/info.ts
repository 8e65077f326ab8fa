import { availableBackends, backend } from '../backends/registry.js'
import { describeLibrary } from '../distributed/library.js'
import '../index.js'

/** Prints the backend in use and its environment. */
export function info(version: string, json: boolean): void {
  const facts = {
    nabla: version,
    ...backend().info(),
    available: availableBackends().join(', '),
    mpi: describeLibrary(),
  }
  if (json) {
    process.stdout.write(`${JSON.stringify(facts)}\n`)
    return
  }
  const width = Math.max(...Object.keys(facts).map((k) => k.length))
  for (const [k, v] of Object.entries(facts)) process.stdout.write(`${k.padEnd(width)}  ${v}\n`)
}
