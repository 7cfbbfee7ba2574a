"""Novelty stays sound where an embedding is wider than the radiographs that measure it are many."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lingula.training.evidence.settle import Observed, settle
from lingula.training.recipe import NoveltyRecipe

RECIPE = NoveltyRecipe(outlier_share=0.01, distance_share=0.05, distance_slack=1.0)


def observed(embeddings: Tensor) -> Observed:
    nothing = np.zeros(len(embeddings))
    return Observed(
        logits=nothing,
        peaks=nothing,
        outlier=nothing - 50.0,
        embeddings=embeddings,
        lung=nothing + 0.3,
        fills_frame=nothing > 0,
    )


def drawn(count: int, width: int, seed: int) -> Tensor:
    """Draw embeddings that really vary along 20 axes, with a little noise along all."""
    generator = torch.Generator().manual_seed(seed)
    axes = torch.randn(20, width, generator=torch.Generator().manual_seed(0))
    noise = 0.05 * torch.randn(count, width, generator=generator)
    return torch.randn(count, 20, generator=generator) @ axes + noise


@pytest.mark.parametrize("width", [32, 128, 512, 2048])
def test_as_many_new_radiographs_are_refused_as_the_recipe_says_and_strangers_are(width: int) -> None:
    training, tuning, new = (drawn(count, width, seed) for count, seed in ((300, 1), (200, 2), (400, 3)))
    settled = settle(observed(training), observed(tuning), np.full(50, 9.0), RECIPE, scale=1.0, bias=0.0)
    assert settled.whitening.shape == (width, min(width, 128))
    refused = float(np.mean(observed(new).novelty(settled) > 1.0))
    assert 0.01 <= refused <= 0.13
    far = observed(3.0 * new)
    assert float(np.mean(far.novelty(settled) > 1.0)) > 0.95


def test_every_axis_of_a_narrow_embedding_is_kept() -> None:
    training = torch.randn(400, 8, generator=torch.Generator().manual_seed(5))
    settled = settle(observed(training), observed(training), np.full(50, 9.0), RECIPE, scale=1.0, bias=0.0)
    whitened = (training - settled.centre) @ settled.whitening
    covariance = whitened.T @ whitened / len(training)
    torch.testing.assert_close(covariance, torch.eye(8), atol=0.1, rtol=0)
