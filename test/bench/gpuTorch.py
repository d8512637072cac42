"""PyTorch eager on CUDA, for test/bench/gpu.ts: Normal LoGoNet, forward and one batch-1 training step, with its defaults and in float32.

usage: gpuTorch.py FOLDER_OF_REFERENCE_PY SIDE REPEAT
"""
import json
import sys
import time

import torch

sys.path.insert(0, sys.argv[1])
import reference as ref  # noqa: E402

side, repeat = int(sys.argv[2]), int(sys.argv[3])


def median(work):
    times = []
    for _ in range(repeat + 3):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return 1e3 * sorted(times[3:])[repeat // 2]


def measure():
    torch.manual_seed(0)
    x = torch.rand(1, 1, side, side, side, device="cuda")
    label = torch.randint(14, (1, side, side, side), device="cuda")
    model = ref.LoGoNet(ref.NORMAL).cuda()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-5)

    def forward():
        with torch.no_grad():
            model(x)

    def step():
        optimiser.zero_grad(set_to_none=True)
        ref.dice_ce(model(x), label)[0].backward()
        optimiser.step()

    model.eval()
    result = {"forward": median(forward)}
    model.train()
    torch.cuda.reset_peak_memory_stats()
    result["step"] = median(step)
    result["peakGiB"] = torch.cuda.max_memory_allocated() / 2**30
    return result


print("PyTorch", torch.__version__, torch.cuda.get_device_name(0))
print("defaults", json.dumps(measure()))
torch.backends.cudnn.allow_tf32 = False
torch.backends.cuda.matmul.allow_tf32 = False
print("float32 ", json.dumps(measure()))
