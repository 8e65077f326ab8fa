import { suite } from './suite.js'

suite('reference', 'reference', ['values'])
