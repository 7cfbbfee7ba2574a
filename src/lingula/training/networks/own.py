"""Our own classifier: a small residual network that standardises what it sees."""

from torch import Tensor, nn

from lingula.training.networks.classifier import Classifier
from lingula.training.networks.geometry import standardised
from lingula.training.networks.layers import Block, convolution
from lingula.training.recipe import NetworkRecipe


class LingulaClassifier(Classifier):
    """A residual network whose last features stay at side / 16, so that its evidence has places."""

    def __init__(self, recipe: NetworkRecipe) -> None:
        super().__init__(recipe)
        inputs = recipe.widths[0]
        self.stem = nn.Sequential(convolution(1, inputs // 2, stride=2), convolution(inputs // 2, inputs, stride=2))
        stages: list[nn.Module] = []
        for outputs, count, stride in zip(recipe.widths, recipe.blocks, (1, 2, 2, 1), strict=True):
            for number in range(count):
                stages.append(Block(inputs, outputs, stride if number == 0 else 1))
                inputs = outputs
        self.stages = nn.Sequential(*stages)
        self.answer_from(inputs)

    def look(self, pictures: Tensor) -> Tensor:
        """Give (N, widths[-1], side / 16, side / 16)."""
        return self.stages(self.stem(standardised(pictures)))  # type: ignore[no-any-return] # nn.Module returns Any
