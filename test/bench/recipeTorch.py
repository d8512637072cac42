"""The other side of recipeTorch.ts: a plain 3-D U-Net in PyTorch. The first line on standard input is the job; then 't', a batch and its classes for a step,
answered with the loss, or 'p' and a patch, answered with its class probabilities."""
import json
import math
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

source, sink = sys.stdin.buffer, sys.stdout.buffer
job = json.loads(source.readline())
torch.manual_seed(job["seed"])
torch.set_num_threads(1)
classes, batch, patch = job["classes"], job["batch"], job["patch"]
voxels = patch[0] * patch[1] * patch[2]
weights = torch.tensor(job["classWeights"], dtype=torch.float32)


def block(inputs, outputs, stride=1):
    layers = []
    for a, b, s in ((inputs, outputs, stride), (outputs, outputs, 1)):
        layers += [nn.Conv3d(a, b, 3, s, 1), nn.InstanceNorm3d(b, affine=True), nn.LeakyReLU(0.01)]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    def __init__(self, widths=(16, 32, 64, 128)):
        super().__init__()
        self.down = nn.ModuleList([block(1 if i == 0 else widths[i - 1], w, 1 if i == 0 else 2) for i, w in enumerate(widths)])
        self.up = nn.ModuleList([block(widths[i] + widths[i + 1], widths[i]) for i in range(3)])
        self.head = nn.Conv3d(widths[0], classes, 1)

    def forward(self, x):
        levels = []
        for down in self.down:
            x = down(x)
            levels.append(x)
        for i in (2, 1, 0):
            grown = F.interpolate(x, size=levels[i].shape[2:], mode="trilinear", align_corners=False)
            x = self.up[i](torch.cat((levels[i], grown), 1))
        return self.head(x)


def read(count, kind, shape):
    return torch.from_numpy(np.frombuffer(source.read(count * 4), dtype=kind).reshape(shape).copy())


network = UNet()
optimiser = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=1e-5)
step = 0
while letter := source.read(1):
    if letter == b"p":
        with torch.no_grad():
            answer = network(read(voxels, "<f4", (1, 1, *patch))).softmax(1).numpy().astype("<f4")
    else:
        x = read(batch * voxels, "<f4", (batch, 1, *patch))
        y = read(batch * voxels, "<i4", (batch, *patch)).long()
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / 20) * 0.5 * (1 + math.cos(math.pi * step / job["steps"]))
        logits = network(x)
        chance = logits.softmax(1)
        truth = F.one_hot(y, classes).movedim(-1, 1).float()
        axes = (0, 2, 3, 4)
        dice = 1 - ((2 * (chance * truth).sum(axes) + 1e-5) / (chance.sum(axes) + truth.sum(axes) + 1e-5)).mean()
        loss = dice + F.cross_entropy(logits, y, weight=weights)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        answer = np.array([loss.item()], dtype="<f4")
    sink.write(answer.tobytes())
    sink.flush()
