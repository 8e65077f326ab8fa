import { suite } from './suite.js'

suite('wasm', 'wasm', ['values'])
