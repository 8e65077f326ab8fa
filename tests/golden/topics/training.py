"""The same networks from the same weights on the same batches: twenty losses, rates and weights at the end."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim import SGD, Adam, RMSprop, lr_scheduler as S

from common import integers, values

STEPS, BATCHES, N = 20, 5, 8


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 6, 3)
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        x = F.max_pool2d(torch.relu(self.norm(self.conv1(x))), 2)
        x = F.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 5, num_layers=2, batch_first=True)
        self.fc = nn.Linear(5, 4)

    def forward(self, x):
        y, _ = self.lstm(x)
        return self.fc(y[:, -1])


def train(name, model, shape, make_optimizer, make_schedule, clip=None, smooth=0.0):
    xs = [values(N, *shape, seed=10 + i) for i in range(BATCHES)]
    ys = [integers(N, seed=20 + i, hi=4) for i in range(BATCHES)]
    start = {k: v.clone() for k, v in model.state_dict().items()}
    optimizer = make_optimizer(model.parameters())
    schedule = make_schedule(optimizer)
    losses, rates = [], []
    for i in range(STEPS):
        loss = F.cross_entropy(model(xs[i % BATCHES]), ys[i % BATCHES], label_smoothing=smooth)
        optimizer.zero_grad()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
        rates.append(optimizer.param_groups[0]["lr"])
        schedule.step()
    end = {k: v for k, v in model.state_dict().items()}
    return {"name": name, "xs": xs, "ys": ys, "start": start, "losses": losses, "rates": rates, "end": end}


def cases():
    torch.manual_seed(3)
    yield train(
        "perceptron", nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4)), (6,),
        lambda p: Adam(p, lr=0.02, weight_decay=0.01), lambda o: S.StepLR(o, 6, gamma=0.5), smooth=0.1,
    )
    yield train(
        "convolutional", Convolutional(), (1, 8, 8),
        lambda p: SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3), lambda o: S.CosineAnnealingLR(o, 20), clip=1.0,
    )
    yield train(
        "recurrent", Recurrent(), (7, 3),
        lambda p: RMSprop(p, lr=0.01, momentum=0.5),
        lambda o: S.SequentialLR(o, [S.LinearLR(o, start_factor=0.1, total_iters=4), S.ExponentialLR(o, 0.9)], [4]),
    )
