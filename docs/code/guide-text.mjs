import { tensor } from 'nabla'
import { DataLoader } from 'nabla/data'
import {
  BucketBatchSampler,
  CausalBlocks,
  cleanText,
  corpusBleu,
  padSequences,
  sentenceBleu,
  sentenceChrf,
  Tokenizer,
  trainBpe,
  trainWordLevel,
  WordVectors,
} from 'nabla/text'

// #region words
const texts = ['the cat sat', 'the dog sat', '你好，世界 the cat']
const words = trainWordLevel(texts, { minFrequency: 1 })
const hello = words.encode('the cat, 你好')
console.log(hello.tokens) //> [ 'the', 'cat', '[UNK]', '你好' ]
console.log(words.decode(words.encode('the dog sat').ids)) //> the dog sat
// #endregion words

// #region bpe
const bpe = trainBpe(['low lower lowest', 'new newer newest'], { vocabSize: 270 })
const encoding = bpe.encode('newest 😀')
console.log(encoding.tokens.slice(0, 2)) //> [ 'ne', 'west' ]
console.log(bpe.decode(encoding.ids)) //> newest 😀
// #endregion bpe

// #region file
const again = Tokenizer.fromJSON(bpe.toJSONString())
console.log(again.encode('lowest').tokens.join('|') === bpe.encode('lowest').tokens.join('|')) //> true
// #endregion file

// #region padding
words.setTruncation({ maxLength: 4 }).setPadding({ padToken: '[PAD]' })
const batch = words.encodeBatch(['the cat', 'the dog sat the cat sat'])
console.log(batch.map((e) => e.length)) //> [ 4, 4 ]
console.log(tensor(batch[0].attentionMask).toArray()) //> [ 1, 1, 0, 0 ]
// #endregion padding

// #region batches
const ids = [[5, 6, 7], [8], [9, 10, 11, 12], [13]]
const lengths = ids.map((list) => list.length)
const order = new BucketBatchSampler(lengths, { batchSize: 2, shuffle: false }).batches(0)
for (const indices of order)
  console.log(padSequences([...indices].map((i) => ids[i])).ids.toArray())
//> [ [ 8 ], [ 13 ] ]
//> [ [ 5, 6, 7, 0 ], [ 9, 10, 11, 12 ] ]
// #endregion batches

// #region blocks
const blocks = new CausalBlocks([1, 2, 3, 4, 5, 6, 7], 3)
for (const [x, y] of new DataLoader(blocks, { batchSize: 2 })) console.log(x.toArray(), y.toArray())
//> [ [ 1, 2, 3 ], [ 4, 5, 6 ] ] [ [ 2, 3, 4 ], [ 5, 6, 7 ] ]
// #endregion blocks

// #region clean
console.log(cleanText('  “Ｈｅｌｌｏ”\u00ad \t world ', { form: 'NFKC', plainMarks: true })) //> "Hello" world
// #endregion clean

// #region measures
const said = ['The dog bit the man.', "It wasn't surprising.", 'The man had just bitten him.']
const wanted = [
  ['The dog bit the man.', 'The dog had bit the man.'],
  ['It was not unexpected.', 'No one was surprised.'],
  ['The man bit him first.', 'The man had bitten the dog.'],
]
console.log(`${corpusBleu(said, wanted)}`) //> BLEU = 48.53 82.4/50.0/45.5/37.5 (BP = 0.943 ratio = 0.944 hyp_len = 17 ref_len = 18)
console.log(sentenceBleu('我们在家。', '他们在家。', { tokenize: 'zh' }).score.toFixed(2)) //> 66.87
console.log(sentenceChrf('the cat sat', 'the cat sat down').toFixed(2)) //> 66.02
// #endregion measures

// #region vectors
const vectors = new WordVectors(
  ['king', 'man', 'woman', 'queen', 'apple'],
  Float32Array.of(1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 1, -1, 0, 0),
  3,
)
console.log(vectors.analogy('man', 'king', 'woman', 1)[0].word) //> queen
console.log(vectors.toText().split('\n')[0]) //> 5 3
// #endregion vectors
