"""The GAN of `nabla train gan` in PyTorch: the same layers, initial values, optimizer and number of steps, on the same digits.

python3 bench/dcgan.py IDX_FOLDER OUT.npy [epochs] [width] [seed]   trains, and writes 10,000 digits from -1 to 1
node bench/frechet.mjs RUN OUT.npy                                   Fréchet distances of both, by the classifier of the run
"""
import sys
import time

import numpy
import torch
from torch import nn
from torch.nn import functional as F


def start(m):
    if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(m.weight, 0.0, 0.02)
    elif isinstance(m, nn.BatchNorm2d):
        nn.init.normal_(m.weight, 1.0, 0.02)
        nn.init.zeros_(m.bias)


def up(*sizes):
    return nn.ConvTranspose2d(*sizes, bias=False)


def down(*sizes):
    return nn.Conv2d(*sizes, bias=False)


def networks(width):
    """Generator and discriminator for pictures of 28x28, with the initial values of PyTorch's example."""
    w = width
    layers = [up(100, 4 * w, 4), nn.BatchNorm2d(4 * w), nn.ReLU(True)]
    layers += [up(4 * w, 2 * w, 3, 2, 1), nn.BatchNorm2d(2 * w), nn.ReLU(True)]
    layers += [up(2 * w, w, 4, 2, 1), nn.BatchNorm2d(w), nn.ReLU(True), up(w, 1, 4, 2, 1), nn.Tanh()]
    generator = nn.Sequential(*layers).apply(start)
    layers = [down(1, w, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    layers += [down(w, 2 * w, 4, 2, 1), nn.BatchNorm2d(2 * w), nn.LeakyReLU(0.2, True)]
    layers += [down(2 * w, 4 * w, 3, 2, 1), nn.BatchNorm2d(4 * w), nn.LeakyReLU(0.2, True)]
    discriminator = nn.Sequential(*layers, down(4 * w, 1, 4)).apply(start)
    return generator, discriminator


def training(generator, discriminator, batch, lr):
    """A step in the order of PyTorch's example, on a batch of real pictures; gives both losses."""
    for_g, for_d = (torch.optim.Adam(m.parameters(), lr=lr, betas=(0.5, 0.999)) for m in (generator, discriminator))
    one, zero = torch.ones(batch), torch.zeros(batch)

    def judge(x, wanted):
        return F.binary_cross_entropy_with_logits(discriminator(x).view(-1), wanted)

    def step(real):
        for_d.zero_grad()
        first = judge(real, one)
        first.backward()
        fake = generator(torch.randn(batch, 100, 1, 1))
        second = judge(fake.detach(), zero)
        second.backward()
        for_d.step()
        for_g.zero_grad()
        loss = judge(fake, one)
        loss.backward()
        for_g.step()
        return first + second, loss

    return step


def main():
    folder, out = sys.argv[1:3]
    epochs, width, seed = (int(v) for v in (sys.argv[3:] + ["4", "16", "1"][len(sys.argv) - 3 :]))
    torch.manual_seed(seed)
    with open(folder + "/train-images-idx3-ubyte", "rb") as f:
        pixels = numpy.frombuffer(f.read(), numpy.uint8, offset=16).reshape(-1, 1, 28, 28).copy()
    data = torch.from_numpy(pixels).float().div_(127.5).sub_(1)
    generator, discriminator = networks(width)
    batch = 64
    step = training(generator, discriminator, batch, 2e-4)
    began = time.time()
    for epoch in range(epochs):
        order = torch.randperm(len(data))
        for i in range(0, len(data) - batch + 1, batch):
            loss_d, loss_g = step(data[order[i : i + batch]])
        print("epoch %d/%d  %.3f %.3f  %.0f s" % (epoch + 1, epochs, loss_d, loss_g, time.time() - began), flush=True)
    generator.eval()
    with torch.no_grad():
        samples = torch.cat([generator(torch.randn(500, 100, 1, 1)) for _ in range(20)])
    numpy.save(out, samples.numpy())


if __name__ == "__main__":
    main()
