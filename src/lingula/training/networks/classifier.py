"""What every classifier has in common, whatever its network: features, embedding, answer, evidence by place.

References
----------
Zhou et al. 2016, class activation mapping. Ioffe & Szegedy 2015, batch normalisation.
"""

from collections.abc import Iterator

from torch import Tensor, nn

from lingula.training.recipe import NetworkRecipe

FINDING_COUNT = 3  # normal, bacteria, virus


class Classifier(nn.Module):
    """Pictures (N, 1, side, side) to features with places, to one embedding, to the logit of pneumonia.

    A subclass makes its network, calls `answer_from` with its channels, and says what it sees when it looks once. What
    the pooled features go through before the answer is the recipe's head: dense layers, batch normalisation, dropout.
    """

    def __init__(self, recipe: NetworkRecipe) -> None:
        super().__init__()
        self.recipe = recipe
        self._still: tuple[str, ...] = ()  # names: a layer may be exchanged for one that sees the whole batch

    def answer_from(self, channels: int) -> None:
        """Add the head of the recipe and the answers to features of some channels."""
        self.head = head(channels, self.recipe)
        self.embedding_width = self.recipe.head[-1] if self.recipe.head else channels
        self.pneumonia = nn.Linear(self.embedding_width, 1)
        self.finding = nn.Linear(self.embedding_width, FINDING_COUNT)  # a helper task in training only

    def look(self, pictures: Tensor) -> Tensor:
        """Give what the network itself makes of pictures (N, 1, side, side) in 0-1: (N, C, h, w)."""
        raise NotImplementedError

    def features(self, pictures: Tensor) -> Tensor:
        """Give (N, C, h, w) of pictures (N, 1, side, side) in 0-1.

        A `mirrored` network that judges looks at the mirror image too, turns back what it sees and gives the mean, so
        places keep their meaning. While it learns it looks once: `flip` mirrors half of the pictures there.
        """
        seen = self.look(pictures)
        if self.training or not self.recipe.mirrored:
            return seen
        return 0.5 * (seen + self.look(pictures.flip(3)).flip(3))

    def embed(self, features: Tensor) -> Tensor:
        """Give the embedding (N, E) of features (N, C, h, w): pooled, then through the head."""
        return self.head(features.mean(dim=(2, 3)))  # type: ignore[no-any-return] # nn.Module returns Any

    def evidence(self, features: Tensor) -> Tensor:
        """Give the pneumonia logit cell by cell, (N, 1, h, w).

        Without a head the mean of the cells is the logit itself. A head is read in each cell as if the whole picture
        looked like it: the cells are still ordered by evidence, but with dense layers their mean is not the logit.
        """
        if len(self.head) == 0:
            weight = self.pneumonia.weight[0][None, :, None, None]
            return (features * weight).sum(dim=1, keepdim=True) + self.pneumonia.bias
        count, channels, height, width = features.shape
        cells = features.permute(0, 2, 3, 1).reshape(-1, channels)  # (N h w, C)
        return self.pneumonia(self.head(cells)).reshape(count, 1, height, width)  # type: ignore[no-any-return] # as above

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Give the pneumonia logit (N, 1) and the finding logits (N, 3)."""
        embedding = self.embed(self.features(pictures))
        return self.pneumonia(embedding), self.finding(embedding)

    def regularised(self) -> Iterator[Tensor]:
        """Give the weights under the head's L2 penalty: of its dense layers and of the answer, no biases."""
        for layer in (*self.head, self.pneumonia):
            if isinstance(layer, nn.Linear):
                yield layer.weight

    def keep_still(self, *layers: nn.Module) -> None:
        """Keep layers as in evaluation even while the rest trains: batch norms then use and keep what they have.

        What takes a layer's place later, as `SyncBatchNorm` does on several GPUs, is kept still as well.
        """
        wanted = {id(layer) for layer in layers}
        self._still += tuple(name for name, layer in self.named_modules() if id(layer) in wanted)
        self.train(self.training)

    def train(self, mode: bool = True) -> "Classifier":  # noqa: FBT001, FBT002 - torch's signature
        """Set training or evaluation, except for the layers kept still."""
        super().train(mode)
        for name in self._still:
            self.get_submodule(name).eval()
        return self


def head(channels: int, recipe: NetworkRecipe) -> nn.Sequential:
    """Give dense layers, each with what the recipe asks; without any, batch normalisation and dropout alone."""
    layers: list[nn.Module] = []
    for outputs in recipe.head:
        layers.append(nn.Linear(channels, outputs))
        layers += [nn.BatchNorm1d(outputs)] if recipe.batch_norm else []
        layers.append(nn.ReLU())
        layers += [nn.Dropout(recipe.dropout)] if recipe.dropout else []
        channels = outputs
    if not recipe.head:
        layers += [nn.BatchNorm1d(channels)] if recipe.batch_norm else []
        layers += [nn.Dropout(recipe.dropout)] if recipe.dropout else []
    return nn.Sequential(*layers)
