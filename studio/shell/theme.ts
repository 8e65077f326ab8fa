/** Light or dark: as the system, until the reader chooses. */
import { effect, signal } from '@preact/signals'

const system = globalThis.matchMedia?.('(prefers-color-scheme: dark)')
function stored(): string | null {
  try {
    return localStorage.getItem('nabla-studio-theme')
  } catch {
    return null
  }
}
export const dark = signal(stored() ? stored() === 'dark' : !!system?.matches)

export function followTheme(): void {
  system?.addEventListener('change', () => {
    if (!stored()) dark.value = system.matches
  })
  effect(() => {
    document.documentElement.dataset.theme = dark.value ? 'dark' : 'light'
  })
}
export function setDark(on: boolean): void {
  dark.value = on
  try {
    localStorage.setItem('nabla-studio-theme', on ? 'dark' : 'light')
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}
