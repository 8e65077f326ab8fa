import { suite } from './suite.js'

suite('compiled', 'native', ['compiled'])
