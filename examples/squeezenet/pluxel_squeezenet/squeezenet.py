"""SqueezeNet 1.1 (Iandola et al. 2016) with the layers and the ImageNet weights of torchvision."""

from pluxel.core import Normalization
from pluxel.core.authoring import InputChannels, OutputStride, Pretrained, PretrainedBackbone
from torch import Tensor, nn
from torchvision.models import SqueezeNet1_1_Weights, squeezenet1_1


class SqueezeNet(PretrainedBackbone):
    """Maps of strides 4, 8 and 16. The first convolution does not pad."""

    weights_url = SqueezeNet1_1_Weights.IMAGENET1K_V1.url

    def __init__(
        self,
        in_channels: int,
        *,
        pretrained: Pretrained = False,
        output_stride: OutputStride = None,
        input_channels: InputChannels = "mean",
        normalization: Normalization | None = None,
    ) -> None:
        super().__init__()
        self.features = squeezenet1_1().features
        self.features[0] = nn.Conv2d(in_channels, 64, kernel_size=3, stride=2)
        self.finish(
            in_channels,
            ["fire3", "fire5", "fire9"],
            pretrained=pretrained,
            output_stride=output_stride,
            input_channels=input_channels,
            normalization=normalization,
        )

    def maps(self, image: Tensor) -> list[Tensor]:
        """Return the maps before the second and the third pool, and the last map."""
        fire3 = self.features[:5](image)
        fire5 = self.features[5:8](fire3)
        return [fire3, fire5, self.features[8:](fire5)]
