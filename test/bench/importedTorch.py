"""The other side of importedPrediction.ts: the same network over the same windows in PyTorch. Reads FOLDER/job.json, weights.bin and volume.bin;
predicts once for every line on standard input, and answers with wall and processor time. The classes go to FOLDER/classes.bin."""
import itertools
import json
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

folder = sys.argv[1]
job = json.load(open(os.path.join(folder, "job.json")))
torch.set_num_threads(job["threads"])
net, patch = job["network"], job["patch"]
raw = np.fromfile(os.path.join(folder, "weights.bin"), dtype="<f4")
weights = {}
for name, (shape, start) in job["weights"].items():
    weights[name] = torch.from_numpy(raw[start : start + int(np.prod(shape))].reshape(shape).copy())
volume = torch.from_numpy(np.fromfile(os.path.join(folder, "volume.bin"), dtype="<f4").reshape([net["inChannels"], *job["size"]]).copy())
gauss = torch.from_numpy(np.fromfile(os.path.join(folder, "importance.bin"), dtype="<f4").reshape(patch).copy())


def activate(y):
    return F.leaky_relu(y, 0.01, inplace=True) if net["activation"] == "leakyRelu" else F.relu(y, inplace=True)


def conv(y, name, kernel, stride):
    return F.conv3d(y, weights[name + ".weight"], weights.get(name + ".bias"), stride=stride, padding=[(k - 1) // 2 for k in kernel])


def norm(y, name):
    return F.instance_norm(y, weight=weights[name + ".weight"], bias=weights[name + ".bias"], eps=net["normEpsilon"])


def unit(y, name, kernel, stride):
    return activate(norm(conv(y, name + ".conv", kernel, stride), name + ".norm"))


def block(y, name, kernel, stride):
    inner = unit(y, name + ".conv1", kernel, stride)
    inner = norm(conv(inner, name + ".conv2.conv", kernel, [1, 1, 1]), name + ".conv2.norm")
    strided = any(s > 1 for s in stride)
    around = F.avg_pool3d(y, stride, stride) if strided else y
    skip = f"{name}.skip.{1 if strided else 0}"
    if skip + ".conv.weight" in weights:
        around = norm(conv(around, skip + ".conv", [1, 1, 1], [1, 1, 1]), skip + ".norm")
    return activate(inner + around)


def network(y):
    one = [1, 1, 1]
    residual = net["kind"] == "residualEncoderUNet"
    if residual:
        y = unit(y, "encoder.stem.convs.0", net["kernels"][0], one)
    skips = []
    for stage, kernel in enumerate(net["kernels"]):
        for index in range(net["encoderBlocks"][stage]):
            stride = net["strides"][stage] if index == 0 else one
            if residual:
                y = block(y, f"encoder.stages.{stage}.blocks.{index}", kernel, stride)
            else:
                y = unit(y, f"encoder.stages.{stage}.0.convs.{index}", kernel, stride)
        skips.append(y)
    last = len(skips) - 1
    for stage in range(last):
        level = last - 1 - stage
        stride = net["strides"][level + 1]
        name = f"decoder.transpconvs.{stage}"
        y = F.conv_transpose3d(y, weights[name + ".weight"], weights.get(name + ".bias"), stride=stride)
        y = torch.cat([y, skips[level]], 1)
        for index in range(net["decoderConvolutions"][stage]):
            y = unit(y, f"decoder.stages.{stage}.convs.{index}", net["kernels"][level], one)
    return conv(y, f"decoder.seg_layers.{last - 1}", one, one)


@torch.inference_mode()
def predict():
    sums = torch.zeros([net["heads"], *job["size"]])
    totals = torch.zeros(job["size"])
    axes = job["mirrorAxes"]
    mirrors = [list(some) for count in range(len(axes) + 1) for some in itertools.combinations(axes, count)]
    for d, h, w in itertools.product(*job["starts"]):
        box = (slice(d, d + patch[0]), slice(h, h + patch[1]), slice(w, w + patch[2]))
        window = volume[(slice(None), *box)][None]
        logits = torch.zeros([net["heads"], *patch])
        for some in mirrors:
            turned = [axis + 2 for axis in some]
            logits += torch.flip(network(torch.flip(window, turned)), turned)[0] if some else network(window)[0]
        sums[(slice(None), *box)] += logits / len(mirrors) * gauss
        totals[box] += gauss
    return torch.argmax(sums / totals, 0)


print("ready", torch.__version__, flush=True)
for _line in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    classes = predict()
    taken = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    classes.to(torch.uint8).numpy().tofile(os.path.join(folder, "classes.bin"))
    print(json.dumps(taken), flush=True)
