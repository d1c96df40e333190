"""Attention as it is inside fused kernels, and followed through layers as the papers say."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.explain.attention import attention_map, attention_relevance, attention_rollout
from pellucid.explain.target import class_logit
from pellucid.inspection.attention import ScaledDotProduct, attentions, written_out
from pellucid.types.errors import InputError


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 99),
    st.sampled_from(["none", "bool", "float", "causal"]),
    st.sampled_from([None, 0.3]),
    st.booleans(),
)
def test_a_fused_kernel_written_out(seed: int, mask: str, scale: float | None, grouped: bool) -> None:
    torch.manual_seed(seed)
    query, key, value = (torch.randn(2, 1 if grouped and n else 4, 5, 6) for n in range(3))
    masks = {"bool": torch.rand(5, 5).add(torch.eye(5)) > 0.5, "float": torch.randn(2, 1, 5, 5)}
    options = {"attn_mask": masks.get(mask), "is_causal": mask == "causal", "scale": scale}
    expected = F.scaled_dot_product_attention(query, key, value, enable_gqa=grouped, **options)
    weights, result = written_out(ScaledDotProduct(query, key, value, enable_gqa=grouped, **options))
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 5))
    if mask == "bool":
        assert bool((weights[..., ~masks["bool"]] == 0).all())


def tiny(fused: bool) -> nn.Module:
    torch.manual_seed(0)
    options = {"img_size": (8, 12), "patch_size": 4, "embed_dim": 16, "depth": 3, "num_heads": 2}
    model = timm.models.VisionTransformer(num_classes=5, **options)
    for block in model.blocks:
        block.attn.fused_attn = fused
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.3)
    return model.eval()


def by_hand(model: nn.Module, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """timm's transformer written out: its logits, and the attentions, in the graph."""
    x = model.patch_embed(x)
    x = torch.cat([model.cls_token.expand(len(x), -1, -1), x], 1) + model.pos_embed
    found = []
    for block in model.blocks:
        b, n, c = x.shape
        q, k, v = block.attn.qkv(block.norm1(x)).reshape(b, n, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        found.append((q @ k.mT / (c // 2) ** 0.5).softmax(-1))
        x = x + block.attn.proj((found[-1] @ v).transpose(1, 2).reshape(b, n, c))
        x = x + block.mlp(block.norm2(x))
    return model.head(model.norm(x)[:, 0]), found


@pytest.mark.parametrize("fused", [True, False])
def test_timm(fused: bool) -> None:
    model, x = tiny(fused), torch.randn(2, 3, 8, 12)
    logits, weights = by_hand(model, x)
    with torch.no_grad(), attentions(model) as found:
        torch.testing.assert_close(model(x), logits, rtol=1e-4, atol=1e-5)
    assert [each.layer for each in found] == [f"blocks.{n}.attn" for n in range(3)]
    for each, expected in zip(found, weights, strict=True):
        torch.testing.assert_close(each.weights, expected, rtol=1e-4, atol=1e-5)

    last = attention_map(model, x)
    torch.testing.assert_close(last.values, weights[-1].mean(1)[:, 0, 1:].reshape(2, 2, 3).detach())
    assert last.layers == ("blocks.2.attn",)
    one = attention_map(model, x, layer="blocks.1", head=1)
    torch.testing.assert_close(one.values, weights[1][:, 1, 0, 1:].reshape(2, 2, 3).detach())

    rolled = torch.eye(7)
    for each in weights:
        rolled = (each.mean(1) + torch.eye(7)) / 2 @ rolled
    torch.testing.assert_close(
        attention_rollout(model, x).values, rolled[:, 0, 1:].reshape(2, 2, 3).detach(), rtol=1e-4, atol=1e-5
    )

    gradients = torch.autograd.grad(logits[:, 3].sum(), weights)
    relevance = torch.eye(7)
    for each, gradient in zip(weights, gradients, strict=True):
        relevance = relevance + (gradient * each).relu().mean(1) @ relevance
    torch.testing.assert_close(
        attention_relevance(model, x, class_logit(3)).values,
        relevance[:, 0, 1:].reshape(2, 2, 3).detach(),
        rtol=1e-3,
        atol=1e-5,
    )


def test_torch_s_own_attention_with_gradients(vit: nn.Module, pictures: Tensor) -> None:
    """`nn.MultiheadAttention` gives no weights here; those found give its output, and have a gradient."""
    kept = []
    block = vit.encoder.layers[1]
    hook = block.self_attention.register_forward_hook(lambda _, inputs, output: kept.append((inputs, output)))
    with torch.enable_grad(), attentions(vit) as found:
        vit(pictures)[:, 2].sum()
    hook.remove()
    (query, _, _), (result, none) = kept[0]
    assert none is None
    attention = block.self_attention
    weight, bias = attention.in_proj_weight[-16:], attention.in_proj_bias[-16:]
    value = F.linear(query, weight, bias).reshape(3, 17, 2, 8).transpose(1, 2)
    expected = attention.out_proj((found[1].weights @ value).transpose(1, 2).reshape(3, 17, 16))
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)
    assert found[1].layer == "encoder.layers.encoder_layer_1.self_attention"

    changed = attention_relevance(vit, pictures, class_logit(2)).values
    assert not torch.allclose(changed, attention_relevance(vit, pictures, class_logit(3)).values)


def test_a_gradient_at_torch_s_own_attention_is_right(vit: nn.Module, pictures: Tensor) -> None:
    """Along the gradient the score changes as it says: attention weights, changed a little."""
    with torch.enable_grad(), attentions(vit) as found:
        score = vit(pictures)[:, 2].sum()
    gradient = torch.autograd.grad(score, found[-1].edge)[0]
    assert found[-1].gradient(gradient).shape == found[-1].weights.shape
    block, weights = vit.encoder.layers[1], found[-1].weights.clone().requires_grad_()
    inner = {}
    hook = block.register_forward_pre_hook(lambda _, inputs: inner.update(x=inputs[0].detach()))
    vit(pictures)
    hook.remove()
    normed = block.ln_1(inner["x"])
    attention = block.self_attention
    value = F.linear(normed, attention.in_proj_weight[-16:], attention.in_proj_bias[-16:])
    mixed = weights @ value.reshape(3, 17, 2, 8).transpose(1, 2)
    x = inner["x"] + attention.out_proj(mixed.transpose(1, 2).reshape(3, 17, 16))
    x = vit.encoder.ln(x + block.mlp(block.ln_2(x)))
    expected = torch.autograd.grad(vit.heads(x[:, 0])[:, 2].sum(), weights)[0]
    torch.testing.assert_close(found[-1].gradient(gradient), expected, rtol=1e-3, atol=1e-5)


def test_without_a_class_token_all_tokens_count() -> None:
    torch.manual_seed(0)
    options = {"img_size": 16, "patch_size": 4, "embed_dim": 16, "depth": 2, "num_heads": 2}
    model = timm.models.VisionTransformer(class_token=False, global_pool="avg", num_classes=3, **options)
    x = torch.randn(1, 3, 16, 16)
    found = attention_map(model, x)
    assert "no class token" in found.notes[0]
    assert float(found.values.sum()) == pytest.approx(1, abs=1e-5)


def test_where_there_is_nothing_to_follow(averaged: nn.Module, vit: nn.Module, pictures: Tensor) -> None:
    with pytest.raises(InputError, match="Averaged has no attention to show; grad-cam"):
        attention_rollout(averaged, pictures)
    swin = torchvision.models.SwinTransformer([4, 4], 8, [1, 1], [2, 2], [2, 2], num_classes=3)
    with pytest.raises(InputError, match=r"SwinTransformer .*grad-cam"):
        attention_rollout(swin, torch.randn(1, 3, 32, 32))
    with pytest.raises(InputError, match="2 heads, 0 to 1; got head 2"):
        attention_map(vit, pictures, head=2)
    with pytest.raises(InputError, match="no attention is called"):
        attention_map(vit, pictures, layer="encoder.layers.encoder_layer_7")
    with pytest.raises(InputError, match="way to join heads"):
        attention_rollout(vit, pictures, heads="median")
