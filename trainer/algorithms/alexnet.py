"""AlexNet with batch normalisation at each ReLU (Zhao et al. 2018, Sec. 4.1), and a small one on its plan."""

from collections import OrderedDict

from torch import nn

from trainer.algorithms.face_network import FaceNetwork
from trainer.algorithms.settings import NetworkConfig


class AlexNet(FaceNetwork):
    """The eight layers of Krizhevsky et al. 2012 with the changes of Zhao et al. 2018, Sec. 4.1.

    Each ReLU has its batch normalisation (here before it), which replaces the old local response
    normalisation, and fc7 gives 256 numbers. Conv 2, 4 and 5 keep their two groups. A picture of 224
    has 6 x 6 maps before fc6, one of 64 a single place: fc6 is that much smaller. The original's
    dropout of one half is `config.dropout`, after fc6 and before the head.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        convolutions = nn.Sequential(
            *convolution(3, 96, kernel=11, stride=4, padding=2),
            nn.MaxPool2d(3, 2),
            *convolution(96, 256, kernel=5, groups=2),
            nn.MaxPool2d(3, 2),
            *convolution(256, 384),
            *convolution(384, 384, groups=2),
            *convolution(384, 256, groups=2),
            nn.MaxPool2d(3, 2),
        )
        fc6 = linear(256 * alexnet_side(config.input_size) ** 2, 4096)
        fc7 = linear(4096, config.features)
        self.body = nn.Sequential(
            OrderedDict(
                convolutions=convolutions,
                flat=nn.Flatten(),
                fc6=nn.Sequential(*fc6, nn.Dropout(config.dropout)),
                fc7=nn.Sequential(*fc7),
            )
        )


def alexnet_side(input_size: int) -> int:
    """Side of AlexNet's last maps: 6 for pictures of 224, 1 for 63, below 1 for smaller ones."""
    side = (input_size + 2 * 2 - 11) // 4 + 1
    for _ in range(3):
        side = (side - 3) // 2 + 1
    return side


class AlexNetSmall(FaceNetwork):
    """AlexNet's plan at a size that two cores can train.

    As in Zhao et al. 2018, Sec. 4.1, each ReLU has its batch normalisation (here before it) and fc7
    gives 256 numbers; five convolutions with three poolings, then fc7 straight on the last maps:
    AlexNet's wide fc6 is left out, because a few thousand faces cannot fill it.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        w, side = config.width, -(-config.input_size // 8)  # side of the maps before the last pooling
        kernel = -(-side // 4)
        cells = (-(-side // kernel)) ** 2  # 3 x 3 or 4 x 4
        convolutions = nn.Sequential(
            *convolution(3, w, kernel=5, stride=2),
            *convolution(w, 2 * w),
            nn.MaxPool2d(3, 2, padding=1),
            *convolution(2 * w, 4 * w),
            nn.MaxPool2d(3, 2, padding=1),
            *convolution(4 * w, 4 * w),
            *convolution(4 * w, 4 * w),
            # adaptive pooling would fit every size too, but its gradient on CUDA is not deterministic
            nn.MaxPool2d(kernel, ceil_mode=True),
        )
        fc7 = nn.Sequential(nn.Flatten(), nn.Dropout(config.dropout), *linear(4 * w * cells, config.features))
        self.body = nn.Sequential(OrderedDict(convolutions=convolutions, fc7=fc7))


def convolution(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, padding: int | None = None, groups: int = 1
) -> tuple[nn.Module, ...]:
    """A convolution, by default padded to keep the side, its batch normalisation and its ReLU."""
    around = kernel // 2 if padding is None else padding
    return (
        nn.Conv2d(inputs, outputs, kernel, stride, around, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def linear(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    """A full connection, its batch normalisation and its ReLU."""
    return nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()
