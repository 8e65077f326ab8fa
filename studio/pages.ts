/**
 * All pages by topic. A page is a line here and its files in pages/: NAME.tsx (what is seen), NAME.model.ts (what the worker
 * runs) and NAME.program.js (the nabla program, which the page shows). Nothing else names it.
 */
import type { Text } from './text.js'

export interface PageEntry {
  id: string
  title: Text
  about: Text
  /** Pages of the course about it, each with what its link asks of the page where that is not the default: `data?part=scaling`. */
  course: readonly string[]
}
export interface Topic {
  title: Text
  pages: readonly PageEntry[]
}

const page = (id: string, title: Text, about: Text, ...course: string[]): PageEntry => ({
  id,
  title,
  about,
  course,
})

export const topics: readonly Topic[] = [
  {
    title: ['Neurons and networks', '神经元与网络'],
    pages: [
      page(
        'neuron',
        ['The neuron', '神经元'],
        [
          'Weights, a bias and a curve: nine activation functions with their derivatives.',
          '权重、偏置与一条曲线：九种激活函数及其导数。',
        ],
        'neuron',
      ),
      page(
        'matrices',
        ['Matrices fold the plane', '矩阵折叠平面'],
        [
          'What a layer does to a grid: turn, stretch, shear, and fold.',
          '一层网络对网格做了什么：旋转、拉伸、剪切与折叠。',
        ],
        'network',
      ),
      page(
        'perceptron',
        ['Perceptron', '感知机'],
        [
          'A line that moves until AND, OR and NAND are right, and never rests for XOR.',
          '一条移动的直线学会与、或、与非，面对异或却永不停歇。',
        ],
        'perceptron',
      ),
      page(
        'playground',
        ['Playground', '游乐场'],
        [
          'A network of your own learns to part points of two colours.',
          '自己搭一个网络，看它学会分开两种颜色的点。',
        ],
        'network',
      ),
    ],
  },
  {
    title: ['How networks learn', '网络如何学习'],
    pages: [
      page(
        'loop',
        ['The loop, and the family tree', '学习的回路与网络谱系'],
        [
          'Guess, compare, correct: a loop with feedback, stage by stage; and the family of networks from the perceptron to GPT.',
          '猜测、比较、修正：逐步走过带反馈的学习回路；以及从感知机到 GPT 的网络谱系。',
        ],
        'gradient-descent',
        'network?part=tree',
      ),
      page(
        'backpropagation',
        ['Back propagation', '反向传播'],
        [
          'Values and gradients flow through the graph of a formula of your own.',
          '数值与梯度在你自己的公式的计算图中流动。',
        ],
        'backpropagation',
      ),
      page(
        'classes',
        ['Softmax and three classes', 'Softmax 与三个类别'],
        [
          'Straight borders, and why a hidden layer without activation does not bend them.',
          '直线边界，以及没有激活函数的隐藏层为什么不能让它弯曲。',
        ],
        'regression',
      ),
      page(
        'losses',
        ['Loss functions', '损失函数'],
        [
          'Squared, absolute and Huber: three lines on points that you drag.',
          '平方、绝对值与 Huber：三条直线拟合你拖动的点。',
        ],
        'losses',
      ),
      page(
        'approximation',
        ['Universal approximation', '万能逼近'],
        [
          'Ramps and steps that add up to any function you type.',
          '斜坡与台阶相加，逼近你输入的任何函数。',
        ],
        'network',
      ),
      page(
        'gradient-descent',
        ['Gradient descent', '梯度下降'],
        [
          'Six optimizers side by side on a surface: bowls, valleys, saddles, plateaus, two minima.',
          '六种优化器在同一曲面上赛跑：碗、峡谷、鞍点、高原、两个极小值。',
        ],
        'gradient-descent',
      ),
      page(
        'vanishing',
        ['Vanishing gradients', '梯度消失与爆炸'],
        [
          'Depth, initial values, normalization, residual connections and clipping, layer by layer.',
          '深度、初始化、归一化、残差连接与裁剪，逐层比较。',
        ],
        'vanishing',
      ),
    ],
  },
  {
    title: ['Data', '数据'],
    pages: [
      page(
        'data',
        ['Looking at data', '认识数据'],
        [
          'Distribution and statistics of birds, flowers or your own table; vectors to drag; what scaling does to training, and what a split must not know.',
          '企鹅、鸢尾花或自己表格的分布与统计量；可拖动的向量；缩放对训练的影响；划分数据时不能泄漏什么。',
        ],
        'statistics',
        'data?part=scaling',
      ),
      page(
        'overfitting',
        ['Underfitting and overfitting', '欠拟合与过拟合'],
        [
          'Degree, data, L1, L2, dropout, augmentation and early stopping on a few noisy points.',
          '在几个带噪声的点上试试次数、数据量、L1、L2、随机失活、数据增强与提前停止。',
        ],
        'overfitting',
      ),
      page(
        'karate',
        ['Graph network', '图网络'],
        [
          'Who sides with whom in a karate club: features that move along edges.',
          '空手道俱乐部里谁支持谁：沿着边传播的特征。',
        ],
        'graphs',
      ),
      page(
        'clusters',
        ['Clusters and maps', '聚类与降维'],
        [
          'k-means step by step, PCA, and t-SNE at work on flowers and digits.',
          '逐步运行的 k 均值、PCA，以及作用于鸢尾花和数字的 t-SNE。',
        ],
        'classical',
      ),
    ],
  },
  {
    title: ['Pictures', '图像'],
    pages: [
      page(
        'convolution',
        ['Convolution', '卷积'],
        [
          'A kernel slides over a picture: stride, padding, pooling, your own weights.',
          '卷积核滑过图像：步幅、填充、池化，以及自定义的权重。',
        ],
        'convolution',
      ),
      page(
        'digits',
        ['Handwritten digits', '手写数字'],
        [
          'The network 784-16-16-10 learns MNIST in the page and reads what you draw.',
          '网络 784-16-16-10 在页面里学习 MNIST，并识别你画的数字。',
        ],
        'digits',
      ),
      page(
        'lenet',
        ['Convolutional networks', '卷积网络'],
        [
          'LeNet and a net of two layers learn digits: filters, feature maps, and your own digit in every layer.',
          'LeNet 与两层卷积网络学习数字：卷积核、特征图，以及你画的数字在每一层的样子。',
        ],
        'convnets',
      ),
      page(
        'autoencoder',
        ['Autoencoders', '自编码器'],
        [
          'Digits through two numbers and back: drag through their plane, and take noise away.',
          '把数字压缩成两个数再还原：在平面上拖动，或者去除噪声。',
        ],
        'generative',
      ),
      page(
        'gan',
        ['GAN', '生成对抗网络'],
        [
          'A generator and a discriminator play against each other, on points of the plane and on digits.',
          '生成器与判别器互相对抗：平面上的点，以及手写数字。',
        ],
        'generative',
      ),
    ],
  },
  {
    title: ['Sequences and attention', '序列与注意力'],
    pages: [
      page(
        'recurrent',
        ['RNN, LSTM and GRU', 'RNN、LSTM 与 GRU'],
        [
          'Three cells read the same sequences: states and gates over time, and how far back gradients reach.',
          '三种单元读同样的序列：状态与门随时间的变化，以及梯度能传多远。',
        ],
        'lstm',
      ),
      page(
        'embeddings',
        ['Embeddings', '词向量'],
        [
          'Words of a whole book become points: who is near whom, and analogies as arrows.',
          '一整本书的词变成点：谁与谁相近，用箭头表示类比。',
        ],
        'embeddings',
      ),
      page(
        'seq2seq',
        ['Sequence to sequence', '序列到序列'],
        [
          'An encoder and a decoder reverse, sort and rewrite, with attention and without.',
          '编码器与解码器倒写、排序、改写日期，有注意力与没有注意力的对比。',
        ],
        'attention',
      ),
      page(
        'attention',
        ['Attention', '注意力'],
        [
          'A sentence of yours step by step: Q, K, V, scores, masks, heads; positions as a picture.',
          '用你的句子一步步看 Q、K、V、得分、掩码与多头；位置编码的图像。',
        ],
        'attention',
      ),
      page(
        'transformer',
        ['Transformer', 'Transformer'],
        [
          'Encoder and decoder learn a small task: every shape, every head, teacher forcing and generation.',
          '编码器和解码器学会一个小任务：每个形状、每个头、教师强制与生成。',
        ],
        'attention',
      ),
      page(
        'language-model',
        ['Language model', '语言模型'],
        [
          'A GPT learns a text by heart, character by character, and writes on; a masked model fills blanks.',
          'GPT 逐字学会一段文字并续写；掩码模型填补空白。',
        ],
        'language',
      ),
    ],
  },
  {
    title: ['Rewards', '奖励'],
    pages: [
      page(
        'gridworld',
        ['A world of squares', '网格世界'],
        [
          'Q-learning and SARSA find their way along a cliff and over ice.',
          'Q-learning 与 SARSA 在悬崖边和冰面上找路。',
        ],
        'reinforcement',
      ),
      page(
        'cartpole',
        ['Cart pole', '小车与杆'],
        [
          'A policy learns to keep a pole upright; watch it, see what it has learned, and push the cart yourself.',
          '策略学会让杆保持直立：看它表演，看它学到了什么，也可以自己来推。',
        ],
        'reinforcement',
      ),
    ],
  },
]

export const pages: readonly PageEntry[] = topics.flatMap((topic) => topic.pages)
