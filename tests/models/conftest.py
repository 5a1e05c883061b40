import pytest
import torch

from falseflaw.models.detector import Detector


@pytest.fixture
def detector() -> Detector:
    """A tiny detector with batch statistics and weights that are not those of its first moment."""
    torch.manual_seed(3)
    detector = Detector("test_efficientnet", residual_filters=3, decoder_channels=8, head_channels=8)
    for _ in range(2):
        image = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)
        detector(image, torch.ones(4, 1, 64, 64))
    return detector.eval()
