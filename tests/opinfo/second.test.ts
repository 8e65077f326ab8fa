import { suite } from './suite.js'

suite('second derivatives', 'native', ['second'])
