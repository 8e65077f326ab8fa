/** What the columns and classes of the tables at hand are called. */
import type { Text } from '../text.js'
import { t } from '../text.js'

const names: Readonly<Record<string, Text>> = {
  'bill length (mm)': ['bill length (mm)', '喙长（毫米）'],
  'bill depth (mm)': ['bill depth (mm)', '喙深（毫米）'],
  'flipper length (mm)': ['flipper length (mm)', '鳍长（毫米）'],
  'body mass (g)': ['body mass (g)', '体重（克）'],
  'sepal length (cm)': ['sepal length (cm)', '萼片长（厘米）'],
  'sepal width (cm)': ['sepal width (cm)', '萼片宽（厘米）'],
  'petal length (cm)': ['petal length (cm)', '花瓣长（厘米）'],
  'petal width (cm)': ['petal width (cm)', '花瓣宽（厘米）'],
  Adelie: ['Adelie', '阿德利企鹅'],
  Chinstrap: ['Chinstrap', '帽带企鹅'],
  Gentoo: ['Gentoo', '巴布亚企鹅'],
  setosa: ['setosa', '山鸢尾'],
  versicolor: ['versicolor', '变色鸢尾'],
  virginica: ['virginica', '维吉尼亚鸢尾'],
}

/** In the language of the page where it is known. */
export const nameOf = (name: string): string =>
  Object.hasOwn(names, name) ? t(names[name]!) : name
