"""Muon for the matrices, AdamW for embeddings and norms, with fp32 masters of bf16 weights.

Muon: Keller Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/ (momentum whose update
is orthogonalised by five Newton-Schulz steps).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from squill_trainer.pretrain.model import OUTPUT_PROJECTIONS

if TYPE_CHECKING:
    from torch import Tensor, nn

_OUTPUT_SHARE = 0.25
"""Of the Muon rate, for what writes into the residual stream (see `Llama`)."""
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def orthogonalised(update: Tensor) -> Tensor:
    """An approximation of the nearest semi-orthogonal matrix."""
    a, b, c = _NEWTON_SCHULZ
    x = update.bfloat16()
    transposed = x.shape[0] > x.shape[1]
    x = x.T if transposed else x
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if transposed else x).float()


class Optimizer:
    """Owns fp32 masters; the model's own parameters are copies in its working precision."""

    def __init__(
        self, model: nn.Module, *, muon_rate: float, adam_rate: float, muon: bool = True
    ) -> None:
        """Without ``muon`` the matrices are AdamW's too."""
        self._muon_rate, self._adam_rate = muon_rate, adam_rate
        self._parameters = dict(model.named_parameters())
        self._masters = {n: p.detach().float().clone() for n, p in self._parameters.items()}
        self._matrices = [n for n in self._masters if muon and n.endswith("_proj.weight")]
        self._momenta = {n: torch.zeros_like(self._masters[n]) for n in self._matrices}
        others = [m for n, m in self._masters.items() if n not in self._momenta]
        self._adam = torch.optim.AdamW(
            others, lr=adam_rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )

    def step(self, scale: float) -> None:
        """One update at ``scale`` times the learning rates; gradients are cleared."""
        self._adam_step(scale)
        for name in self._matrices:
            self._muon_step(name, scale)
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(self._masters[name])
                parameter.grad = None

    def _adam_step(self, scale: float) -> None:
        for name, parameter in self._parameters.items():
            if name not in self._momenta and parameter.grad is not None:
                self._masters[name].grad = parameter.grad.float()
        for group in self._adam.param_groups:
            group["lr"] = self._adam_rate * scale
        self._adam.step()

    def _muon_step(self, name: str, scale: float) -> None:
        gradient = self._parameters[name].grad
        if gradient is None:
            return
        momentum = self._momenta[name]
        gradient = gradient.float()
        momentum.mul_(0.95).add_(gradient)
        update = orthogonalised(gradient + 0.95 * momentum)
        rate = self._muon_rate * scale * max(1.0, update.shape[0] / update.shape[1]) ** 0.5
        if name.endswith(OUTPUT_PROJECTIONS):
            rate *= _OUTPUT_SHARE
        self._masters[name].mul_(1 - rate * 0.01).add_(update, alpha=-rate)

    def state(self) -> dict[str, Any]:
        return {
            "masters": self._masters,
            "momenta": self._momenta,
            "adam": self._adam.state_dict(),
        }

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Take over the weights that there are; the others stay as they are."""
        with torch.no_grad():
            for name, weight in weights.items():
                self._masters[name].copy_(weight)
                self._parameters[name].copy_(weight)

    def load(self, state: dict[str, Any]) -> None:
        with torch.no_grad():
            for name, master in self._masters.items():
                master.copy_(state["masters"][name])
                self._parameters[name].copy_(master)
            for name, momentum in self._momenta.items():
                momentum.copy_(state["momenta"][name])
        self._adam.load_state_dict(state["adam"])
