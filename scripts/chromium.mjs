// The browser that tests use: Debian's Chromium, wherever it is on PATH.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export const findChromium = () =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => ['chromium', 'chromium-browser'].map((name) => join(folder, name)))
    .find((file) => existsSync(file))
