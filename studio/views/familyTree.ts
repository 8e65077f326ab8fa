/** The family tree of the networks: where each comes from, who wrote of it, and where nabla and the studio have it. */
import type { Text } from '../text.js'

export interface Relative {
  id: string
  name: Text
  year: number
  /** The one that it comes from first, and others after it; empty for a root. */
  from: readonly string[]
  paper: string
  idea: Text
  /** A page of the studio. */
  page: string
  /** What nabla calls it, and where. */
  code: readonly [name: string, from: string]
}

const relative = (
  id: string,
  name: Text | string,
  year: number,
  from: readonly string[],
  paper: string,
  idea: Text,
  page: string,
  code: readonly [string, string],
): Relative => ({
  id,
  name: typeof name === 'string' ? [name, name] : name,
  year,
  from,
  paper,
  idea,
  page,
  code,
})

export const family: readonly Relative[] = [
  relative(
    'perceptron',
    ['Perceptron', '感知机'],
    1958,
    [],
    'F. Rosenblatt, The perceptron: a probabilistic model for information storage and organization in the brain. Psychological Review 65',
    [
      'A weighted sum and a threshold, with weights that are corrected after each mistake.',
      '加权求和加一个阈值，每犯一次错就修正权重。',
    ],
    'perceptron',
    ['Linear', 'nabla/nn'],
  ),
  relative(
    'mlp',
    ['Multilayer perceptron (MLP)', '多层感知机（MLP）'],
    1986,
    ['perceptron'],
    'D. Rumelhart, G. Hinton, R. Williams, Learning representations by back-propagating errors. Nature 323',
    [
      'Hidden layers with a smooth activation; back propagation tells each weight its share of the error.',
      '带平滑激活函数的隐藏层；反向传播告诉每个权重它对误差的贡献。',
    ],
    'playground',
    ['mlp', 'nabla/models'],
  ),
  relative(
    'neocognitron',
    ['Neocognitron', '新认知机'],
    1980,
    ['perceptron'],
    'K. Fukushima, Neocognitron: a self-organizing neural network model for a mechanism of pattern recognition unaffected by shift in position. Biological Cybernetics 36',
    [
      'The same small detector everywhere in the picture, then pooling, so that a shift does not matter.',
      '同一个小检测器扫过整幅图像，再做池化，平移便不再重要。',
    ],
    'convolution',
    ['Conv2d', 'nabla/nn'],
  ),
  relative(
    'lenet',
    ['LeNet (CNN)', 'LeNet（卷积网络）'],
    1998,
    ['neocognitron', 'mlp'],
    'Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-based learning applied to document recognition. Proceedings of the IEEE 86',
    [
      'Convolutions whose kernels are learned by back propagation, from pixels to digits.',
      '卷积核由反向传播学得，从像素直接到数字。',
    ],
    'lenet',
    ['lenet', 'nabla/models'],
  ),
  relative(
    'vgg',
    'VGG',
    2014,
    ['lenet'],
    'K. Simonyan, A. Zisserman, Very deep convolutional networks for large-scale image recognition. arXiv:1409.1556',
    [
      'Nothing but small kernels of 3 by 3, in up to 19 layers of weights.',
      '只用 3×3 的小卷积核，堆到 19 层权重。',
    ],
    'convolution',
    ['VGG', 'nabla/models'],
  ),
  relative(
    'resnet',
    ['ResNet', 'ResNet（残差网络）'],
    2015,
    ['vgg'],
    'K. He, X. Zhang, S. Ren, J. Sun, Deep residual learning for image recognition. arXiv:1512.03385',
    [
      'Each block adds to what came in, so that gradients reach the first of a hundred layers.',
      '每个块只在输入上做加法，梯度因此能到达上百层之前的第一层。',
    ],
    'vanishing',
    ['ResNet', 'nabla/models'],
  ),
  relative(
    'unet',
    'U-Net',
    2015,
    ['lenet', 'autoencoder'],
    'O. Ronneberger, P. Fischer, T. Brox, U-Net: convolutional networks for biomedical image segmentation. arXiv:1505.04597',
    [
      'Down to the meaning and up again to the pixels, with bridges between layers of one size.',
      '先向下提取含义，再向上还原像素，同尺寸的层之间搭桥。',
    ],
    'convolution',
    ['UNet', 'nabla/models'],
  ),
  relative(
    'autoencoder',
    ['Autoencoder', '自编码器'],
    2006,
    ['mlp'],
    'G. Hinton, R. Salakhutdinov, Reducing the dimensionality of data with neural networks. Science 313',
    [
      'Through a few numbers and back: what passes the narrow place is what matters.',
      '压缩成几个数再还原：能通过窄处的才是要紧的。',
    ],
    'autoencoder',
    ['Autoencoder', 'nabla/models'],
  ),
  relative(
    'vae',
    ['Variational autoencoder (VAE)', '变分自编码器（VAE）'],
    2013,
    ['autoencoder'],
    'D. Kingma, M. Welling, Auto-encoding variational Bayes. arXiv:1312.6114',
    [
      'The code is a distribution, so that new pictures can be drawn from it.',
      '编码是一个分布，可以从中抽样生成新的图像。',
    ],
    'autoencoder',
    ['VAE', 'nabla/models'],
  ),
  relative(
    'gan',
    ['GAN', 'GAN（生成对抗网络）'],
    2014,
    ['mlp'],
    'I. Goodfellow and others, Generative adversarial nets. arXiv:1406.2661',
    [
      'One network makes, the other judges; each learns from the other.',
      '一个网络生成，另一个评判，互相学习。',
    ],
    'gan',
    ['ganStep', 'nabla/models'],
  ),
  relative(
    'dcgan',
    'DCGAN',
    2015,
    ['gan', 'lenet'],
    'A. Radford, L. Metz, S. Chintala, Unsupervised representation learning with deep convolutional generative adversarial networks. arXiv:1511.06434',
    [
      'Both players are convolutional, and the game becomes steady.',
      '对抗双方都用卷积网络，训练变得稳定。',
    ],
    'gan',
    ['DCGANGenerator', 'nabla/models'],
  ),
  relative(
    'rnn',
    ['Recurrent network (RNN)', '循环网络（RNN）'],
    1990,
    ['mlp'],
    'J. Elman, Finding structure in time. Cognitive Science 14',
    [
      'A state goes from step to step: the same weights read a sequence of any length.',
      '状态逐步传递：同一组权重读任意长度的序列。',
    ],
    'recurrent',
    ['RNN', 'nabla/nn'],
  ),
  relative(
    'lstm',
    'LSTM',
    1997,
    ['rnn'],
    'S. Hochreiter, J. Schmidhuber, Long short-term memory. Neural Computation 9',
    [
      'Gates decide what a cell keeps, so that gradients do not vanish over time.',
      '由门决定单元保留什么，梯度不再随时间消失。',
    ],
    'recurrent',
    ['LSTM', 'nabla/nn'],
  ),
  relative(
    'gru',
    'GRU',
    2014,
    ['lstm'],
    'K. Cho and others, Learning phrase representations using RNN encoder-decoder for statistical machine translation. arXiv:1406.1078',
    [
      'Two gates instead of three, and no cell of its own: fewer weights for much the same.',
      '两个门代替三个，没有单独的记忆单元：权重更少，效果相近。',
    ],
    'recurrent',
    ['GRU', 'nabla/nn'],
  ),
  relative(
    'seq2seq',
    ['Sequence to sequence', '序列到序列（seq2seq）'],
    2014,
    ['lstm'],
    'I. Sutskever, O. Vinyals, Q. Le, Sequence to sequence learning with neural networks. arXiv:1409.3215',
    [
      'One network reads a sentence into a vector, another writes the answer from it.',
      '一个网络把句子读成一个向量，另一个由它写出答案。',
    ],
    'seq2seq',
    ['LSTM', 'nabla/nn'],
  ),
  relative(
    'attention',
    ['Attention', '注意力'],
    2014,
    ['seq2seq'],
    'D. Bahdanau, K. Cho, Y. Bengio, Neural machine translation by jointly learning to align and translate. arXiv:1409.0473',
    [
      'The writer looks back at every word of the source, at some more than at others.',
      '写每个词时回看原文的所有词，有轻有重。',
    ],
    'attention',
    ['MultiheadAttention', 'nabla/nn'],
  ),
  relative(
    'transformer',
    'Transformer',
    2017,
    ['attention', 'resnet'],
    'A. Vaswani and others, Attention is all you need. arXiv:1706.03762',
    [
      'Attention alone: all words look at all words at once, and nothing has to be read in order.',
      '只用注意力：所有词同时互相看，不必按顺序读。',
    ],
    'transformer',
    ['Transformer', 'nabla/nn'],
  ),
  relative(
    'gpt',
    'GPT',
    2018,
    ['transformer'],
    'A. Radford and others, Improving language understanding by generative pre-training. OpenAI',
    [
      'The decoder alone learns to say the next token of very much text.',
      '只用解码器，在大量文本上学习预测下一个词元。',
    ],
    'language-model',
    ['GPT2', 'nabla/models'],
  ),
  relative(
    'llama',
    'LLaMA',
    2023,
    ['gpt'],
    'H. Touvron and others, LLaMA: open and efficient foundation language models. arXiv:2302.13971',
    [
      'Positions by rotation, simpler norms and gated layers: a GPT whose weights were given away.',
      '旋转位置编码、更简单的归一化和门控层：公开权重的 GPT。',
    ],
    'language-model',
    ['Llama', 'nabla/models'],
  ),
  relative(
    'bert',
    'BERT',
    2018,
    ['transformer'],
    'J. Devlin, M. Chang, K. Lee, K. Toutanova, BERT: pre-training of deep bidirectional transformers for language understanding. arXiv:1810.04805',
    [
      'The encoder alone fills blanks, and so learns from both sides of a word.',
      '只用编码器填空，从词的左右两边学习。',
    ],
    'language-model',
    ['Bert', 'nabla/models'],
  ),
  relative(
    'vit',
    ['Vision Transformer (ViT)', '视觉 Transformer（ViT）'],
    2020,
    ['transformer', 'lenet'],
    'A. Dosovitskiy and others, An image is worth 16x16 words: transformers for image recognition at scale. arXiv:2010.11929',
    [
      'A picture is cut into squares, which are read like words.',
      '把图像切成小方块，像词一样来读。',
    ],
    'attention',
    ['ViT', 'nabla/models'],
  ),
  relative(
    'embedding',
    ['Word vectors (word2vec)', '词向量（word2vec）'],
    2013,
    ['mlp'],
    'T. Mikolov, K. Chen, G. Corrado, J. Dean, Efficient estimation of word representations in vector space. arXiv:1301.3781',
    [
      'Each word is a learned vector; words with the same neighbours come to lie together.',
      '每个词是一个学得的向量；上下文相同的词聚在一起。',
    ],
    'embeddings',
    ['Embedding', 'nabla/nn'],
  ),
  relative(
    'gnn',
    ['Graph network', '图神经网络'],
    2009,
    ['mlp'],
    'F. Scarselli, M. Gori, A. Tsoi, M. Hagenbuchner, G. Monfardini, The graph neural network model. IEEE Transactions on Neural Networks 20',
    [
      'Every node updates its state from those of its neighbours, by shared weights.',
      '每个节点用共享的权重，由邻居的状态更新自己的状态。',
    ],
    'karate',
    ['MessagePassing', 'nabla/graph'],
  ),
  relative(
    'gcn',
    ['Graph convolution (GCN)', '图卷积（GCN）'],
    2016,
    ['gnn', 'lenet'],
    'T. Kipf, M. Welling, Semi-supervised classification with graph convolutional networks. arXiv:1609.02907',
    [
      'A layer is a weighted mean over the neighbours: a convolution without a grid.',
      '一层就是对邻居的加权平均：没有网格的卷积。',
    ],
    'karate',
    ['GCNConv', 'nabla/graph'],
  ),
  relative(
    'gat',
    ['Graph attention (GAT)', '图注意力（GAT）'],
    2017,
    ['gcn', 'attention'],
    'P. Veličković and others, Graph attention networks. arXiv:1710.10903',
    ['Attention decides how much each neighbour counts.', '由注意力决定每个邻居的分量。'],
    'karate',
    ['GATConv', 'nabla/graph'],
  ),
  relative(
    'reinforce',
    ['Policy gradient (REINFORCE)', '策略梯度（REINFORCE）'],
    1992,
    ['mlp'],
    'R. Williams, Simple statistical gradient-following algorithms for connectionist reinforcement learning. Machine Learning 8',
    [
      'A network chooses actions; those that were followed by much reward become more likely.',
      '网络选择动作；之后得到更多奖励的动作变得更可能。',
    ],
    'cartpole',
    ['Reinforce', 'nabla/rl'],
  ),
  relative(
    'ppo',
    'PPO',
    2017,
    ['reinforce'],
    'J. Schulman and others, Proximal policy optimization algorithms. arXiv:1707.06347',
    [
      'Policy gradients in steps that may not change the policy too much at once.',
      '策略梯度，但每步不允许策略变化太大。',
    ],
    'cartpole',
    ['PPO', 'nabla/rl'],
  ),
  relative(
    'qlearning',
    ['Q-learning', 'Q 学习'],
    1989,
    [],
    'C. Watkins, Learning from delayed rewards. PhD thesis, University of Cambridge',
    [
      'A table of what each action is worth, corrected by the next best value: no network yet.',
      '一张动作价值表，用下一步的最优值来修正：还没有网络。',
    ],
    'gridworld',
    ['qLearning', 'nabla/rl'],
  ),
  relative(
    'dqn',
    'DQN',
    2013,
    ['qlearning', 'lenet'],
    'V. Mnih and others, Playing Atari with deep reinforcement learning. arXiv:1312.5602',
    [
      'A network takes the place of the table, and learns from a memory of what happened.',
      '网络代替表格，从记忆的经历中学习。',
    ],
    'gridworld',
    ['DQN', 'nabla/rl'],
  ),
]

/** Those that come from it first. */
export const childrenOf = (id: string | undefined): readonly Relative[] =>
  family.filter(({ from }) => from[0] === id).toSorted((a, b) => a.year - b.year)
