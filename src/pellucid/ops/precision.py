"""Which precision a device is quick in."""

from __future__ import annotations

import torch


def multiplies_bf16_fast(device: torch.device) -> bool:
    """AMX tiles on a CPU; tensor cores with bf16 on an NVIDIA GPU (compute capability 8)."""
    if device.type == "cpu":
        return bool(torch.cpu.get_capabilities().get("amx_bf16"))
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
