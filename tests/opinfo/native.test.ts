import { suite } from './suite.js'

suite('native', 'native', ['values'])
