/** Spoken words of five languages: the telephone prompts of Asterisk, as Debian packs them. */
import { exists, joinPath, listFolder } from '#host'
import { FileError } from '../core/errors.js'
import { checkOptions } from '../core/options.js'

/** Each language with the folder of its voice. */
const voices = {
  en: 'en_US_f_Allison',
  es: 'es_MX_f_Allison',
  fr: 'fr_CA_f_June',
  it: 'it_IT_m_Carlo',
  ru: 'ru_RU_f_IvrvoiceRU',
} as const
export type PromptLanguage = keyof typeof voices

/** A file that says something. */
export interface Prompt {
  path: string
  /** What is said, as the name of the file without its ending: the same in all languages, such as `digits/7`. */
  name: string
  language: PromptLanguage
}

/**
 * The prompts of the languages, in order of language and name: WAV of 8,000 Hz, 16 bits, one channel, about 550 for each
 * language, from Debian's packages asterisk-core-sounds-LANGUAGE-wav. Silence and tones, which say nothing, are left out. One
 * voice speaks each language; English and Spanish are the same person. For Node.
 * @throws FileError that says what to install when a language is not there
 */
export function asteriskPrompts(
  options: { folder?: string; languages?: readonly PromptLanguage[] } = {},
): Prompt[] {
  const op = 'asteriskPrompts'
  const { folder = '/usr/share/asterisk/sounds', languages = Object.keys(voices) } = checkOptions(
    op,
    options,
    ['folder', 'languages'],
  )
  const missing = languages.filter((l) => {
    const voice = voices[l as PromptLanguage]
    return !voice || !exists(joinPath(folder, voice))
  })
  if (missing.length > 0)
    throw new FileError({
      op,
      rule: `${folder} must hold the prompts of ${languages.join(', ')}`,
      got: `none of ${missing.join(', ')}`,
      fix: `Run \`apt-get install ${missing.map((l) => `asterisk-core-sounds-${l}-wav`).join(' ')}\` (Debian).`,
    })
  const found: Prompt[] = []
  for (const language of languages as readonly PromptLanguage[]) {
    const root = joinPath(folder, voices[language])
    const walk = (inside: string): void => {
      for (const entry of listFolder(joinPath(root, inside))) {
        if (entry.endsWith('/')) {
          if (entry !== 'silence/') walk(`${inside}${entry}`)
        } else if (entry.endsWith('.wav') && !/beep|tone\.|-2tone|jingle|monkeys\./.test(entry)) {
          const name = `${inside}${entry.slice(0, -4)}`
          found.push({ path: joinPath(root, `${name}.wav`), name, language })
        }
      }
    }
    walk('')
  }
  return found
}
