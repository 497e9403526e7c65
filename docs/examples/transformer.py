"""A small Hugging Face transformer, built from its configuration: nothing is downloaded."""

import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel


class NextToken(nn.Module):
    """Token ids (N, T) in, logits (N, V, T) out: cross-entropy wants classes on the second axis."""

    def __init__(self):
        super().__init__()
        config = GPT2Config(
            vocab_size=12, n_positions=16, n_embd=16, n_layer=2, n_head=2, use_cache=False
        )
        # PyTorch's fused attention has no second derivatives for four axes on the CPU.
        config._attn_implementation = "eager"
        self.model = GPT2LMHeadModel(config)

    def forward(self, ids):
        return self.model(ids).logits.transpose(1, 2)


def build():
    torch.manual_seed(0)
    return NextToken()


def data():
    """Counting modulo 12 in steps of 1, 2 or 3: each token is followed by the next one."""
    start, step = torch.arange(36) % 12, torch.arange(36) // 12 + 1
    tokens = (start[:, None] + step[:, None] * torch.arange(9)) % 12
    return tokens[:, :-1], tokens[:, 1:]
