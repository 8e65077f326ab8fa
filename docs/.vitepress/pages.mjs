// The pages of the site in their order: file, title in English, title in Chinese. The sidebar, the test that both
// languages are whole, and the run of every example read this list.
export const guide = [
  ['quick-start', 'Quick start', '五分钟入门'],
  ['install', 'Installing', '安装'],
  ['tensors', 'Tensors', '张量'],
  ['autograd', 'Gradients', '自动求导'],
  ['compile', 'compile', '编译：compile'],
  ['memory', 'Memory', '内存'],
  ['modules', 'Modules and layers', '模块与层'],
  ['data', 'Data', '数据'],
  ['text', 'Text', '文本'],
  ['training', 'Training', '训练'],
  ['distributed', 'Several processes', '多进程'],
  ['saving', 'Saving and loading', '保存与加载'],
  ['browser', 'In the browser', '在浏览器中'],
  ['workers', 'Workers and the event loop', '工作线程与事件循环'],
  ['bundlers', 'Bundlers', '打包工具'],
  ['servers', 'On a server', '在服务器上'],
  ['environment', 'Environment variables', '环境变量'],
  ['errors', 'Errors and what to do', '错误与处理'],
]

export const course = [
  ['neuron', 'The neuron', '神经元'],
  ['activations', 'Activation functions', '激活函数'],
  ['perceptron', 'Perceptron and XOR', '感知机与异或'],
  ['network', 'Layers and networks', '层与网络'],
  ['regression', 'Lines and classes', '回归与分类'],
  ['losses', 'Loss functions', '损失函数'],
  ['backpropagation', 'Forward and back propagation', '前向与反向传播'],
  ['gradient-descent', 'Gradient descent', '梯度下降'],
  ['optimizers', 'Optimizers and learning rates', '优化器与学习率'],
  ['initial-values', 'Initial values', '参数初始化'],
  ['vanishing', 'Vanishing and exploding gradients', '梯度消失与梯度爆炸'],
  ['normalization', 'Normalization', '归一化'],
  ['overfitting', 'Overfitting and regularization', '过拟合与正则化'],
  ['statistics', 'Statistics', '统计'],
  ['data', 'Preparing data', '数据预处理'],
  ['metrics', 'Metrics', '评价指标'],
  ['classical', 'Classical models', '经典模型'],
  ['digits', 'Handwritten digits', '手写数字'],
  ['convolution', 'Convolution', '卷积'],
  ['pooling', 'Pooling', '池化'],
  ['convnets', 'Convolutional networks', '卷积神经网络'],
  ['residual', 'Residual networks', '残差网络'],
  ['detection', 'Finding things in pictures', '在图中找东西'],
  ['generative', 'Autoencoders and GANs', '自编码器与 GAN'],
  ['recurrent', 'Recurrent networks', '循环神经网络'],
  ['lstm', 'LSTM and GRU', 'LSTM 与 GRU'],
  ['embeddings', 'Embeddings', '词嵌入'],
  ['language', 'Language', '语言'],
  ['attention', 'Attention and the Transformer', '注意力与 Transformer'],
  ['sound', 'Sound', '声音'],
  ['graphs', 'Graph networks', '图神经网络'],
  ['reinforcement', 'Reinforcement learning', '强化学习'],
]

// Made by scripts/reference.mjs from the built package.
export const reference = [
  ['operations', 'Operations', '运算'],
  ['layers', 'Layers', '层'],
  ['from-pytorch', 'From PyTorch', '从 PyTorch 来'],
  ['from-keras', 'From Keras', '从 Keras 来'],
]

export const develop = [
  ['map', 'The map', '源码地图'],
  ['add-an-op', 'Adding an operation', '添加运算'],
  ['add-a-layer', 'Adding a layer', '添加层'],
  ['add-a-page', 'Adding a page to the studio', '给工作室添加页面'],
]
