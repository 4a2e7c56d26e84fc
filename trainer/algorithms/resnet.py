"""ResNet-18 and ResNet-50 as the transformers library builds them, with a head for AUs.

The library is imported where a network is made: that alone takes two seconds.
"""

from dataclasses import asdict, dataclass

from torch import Tensor, nn

from trainer.algorithms.face_network import FaceNetwork
from trainer.algorithms.settings import NetworkConfig


@dataclass(frozen=True)
class ResNetPlan:
    """What tells one ResNet from another, by the names of transformers' ResNetConfig."""

    layer_type: str
    depths: tuple[int, ...]
    hidden_sizes: tuple[int, ...]
    embedding_size: int = 64
    hidden_act: str = "relu"
    num_channels: int = 3
    downsample_in_first_stage: bool = False
    downsample_in_bottleneck: bool = False


PLANS: dict[str, ResNetPlan] = {
    "resnet18": ResNetPlan("basic", (2, 2, 2, 2), (64, 128, 256, 512)),
    "resnet50": ResNetPlan("bottleneck", (3, 4, 6, 3), (256, 512, 1024, 2048)),
}


class ResNet(FaceNetwork):
    """A ResNet (He et al. 2016) whose features are its pooled last maps: 512 or 2048 numbers."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        self.body = PooledResNet(PLANS[config.name])


class PooledResNet(nn.Module):
    """The library's model from pixels (B, 3, S, S) to its pooled maps (B, features).

    Its pooling to one place is a mean in torch, so its gradient is deterministic, which that of
    adaptive pooling to more places is not on CUDA.
    """

    def __init__(self, plan: ResNetPlan) -> None:
        super().__init__()
        from transformers import ResNetConfig, ResNetModel

        self.model = ResNetModel(ResNetConfig(**asdict(plan)))

    def forward(self, pixels: Tensor) -> Tensor:
        pooled: Tensor = self.model(pixels).pooler_output  # (B, features, 1, 1)
        return pooled.flatten(1)
