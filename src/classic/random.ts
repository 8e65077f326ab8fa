export { Random } from '../core/random.js'
