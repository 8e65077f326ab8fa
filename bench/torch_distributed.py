"""PyTorch's side of distributed.mjs: the same GPT or convolution net under DistributedDataParallel with gloo, which is the one back end
for processors that Debian's build has. RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT as torch.distributed reads them;
`torch_distributed.py gpt|convnet SECONDS` prints a line of JSON."""
import json
import os
import sys
import time

import torch
from torch import distributed as dist
from torch import nn
from torch.nn import functional as F

from torch_language import GPTBlock


class GPT(nn.Module):
    def __init__(self, vocabulary=512, length=128, d=256, layers=4, heads=4):
        super().__init__()
        self.table, self.places = nn.Embedding(vocabulary, d), nn.Embedding(length, d)
        self.blocks = nn.ModuleList(GPTBlock(d, heads, 0.0) for _ in range(layers))
        self.norm = nn.LayerNorm(d)
        self.register_buffer("mask", torch.tril(torch.ones(1, 1, length, length)))

    def forward(self, x):
        y = self.table(x) + self.places(torch.arange(x.shape[1]))
        for block in self.blocks:
            y = block(y, self.mask)
        return F.linear(self.norm(y), self.table.weight)


def main(what, seconds):
    world = int(os.environ["WORLD_SIZE"])
    torch.manual_seed(1)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if what == "convnet":
        n = 128 // world
        model = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1600, 10))
        x, y = torch.randn(n, 1, 28, 28), torch.randint(0, 10, (n,))
    else:
        n = 8 // world
        model = GPT()
        x, y = torch.randint(0, 512, (n, 128)), torch.randint(0, 512, (n, 128))
    if world > 1:
        dist.init_process_group("gloo")
        model = nn.parallel.DistributedDataParallel(model, broadcast_buffers=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step():
        optimizer.zero_grad()
        out = model(x)
        F.cross_entropy(out.flatten(0, -2), y.flatten()).backward()
        optimizer.step()

    for _ in range(3):
        step()
    start = time.perf_counter()
    steps, go = 0, True
    while go:
        for _ in range(5):
            step()
        steps += 5
        own = torch.tensor([float(time.perf_counter() - start < seconds)])
        if world > 1:
            dist.broadcast(own, 0)
        go = own.item() > 0
    print(json.dumps({"perSecond": steps * n * world / (time.perf_counter() - start)}), flush=True)


main(sys.argv[1], float(sys.argv[2]))
