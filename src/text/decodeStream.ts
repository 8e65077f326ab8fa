/** Text from tokens as they come. */
import { checkOptions } from '../core/options.js'
import type { Tokenizer } from './tokenizer.js'

/**
 * Decodes tokens one by one: each gives the text that is whole with it. A character whose bytes are spread over several tokens
 * comes with the last of them, and spaces between words come out as in the text that is decoded at once.
 * @example
 * const tokenizer = trainBpe(['中文'], { vocabSize: 256 })
 * const stream = new DecodeStream(tokenizer)
 * [...tokenizer.encode('中').ids].map((id) => stream.step(id)) // ['', '', '中']
 */
export class DecodeStream {
  private readonly tokenizer: Tokenizer
  private readonly skipSpecialTokens: boolean
  /** Tokens whose text is needed for what comes next: those of the last part, and those that gave none so far. */
  private ids: number[] = []
  /** How many of them have given their text. */
  private given = 0
  constructor(tokenizer: Tokenizer, options: { skipSpecialTokens?: boolean } = {}) {
    this.tokenizer = tokenizer
    const { skipSpecialTokens = true } = checkOptions('DecodeStream', options, [
      'skipSpecialTokens',
    ])
    this.skipSpecialTokens = skipSpecialTokens
  }
  private decode(ids: readonly number[]): string {
    return this.tokenizer.decode(ids, { skipSpecialTokens: this.skipSpecialTokens })
  }
  private rest(): string {
    return this.decode(this.ids).slice(this.decode(this.ids.slice(0, this.given)).length)
  }
  /** The text that a token makes whole; '' when its last character is not whole yet. */
  step(id: number): string {
    this.ids.push(id)
    const text = this.rest()
    if (text === '' || text.endsWith('\ufffd')) return ''
    this.ids = this.ids.slice(this.given)
    this.given = this.ids.length
    return text
  }
  /** What is left at the end: characters that are not whole, as U+FFFD. */
  end(): string {
    const text = this.rest()
    this.ids = []
    this.given = 0
    return text
  }
}
