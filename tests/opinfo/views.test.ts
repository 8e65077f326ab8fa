import { suite, views } from './suite.js'

suite('views', 'native', views)
