import pytest
import torch

from falseflaw.errors import ConfigurationError
from falseflaw.models.residual import ConstrainedResidual


@pytest.fixture
def residual() -> ConstrainedResidual:
    torch.manual_seed(0)
    return ConstrainedResidual(6)


def assert_constrained(weight: torch.Tensor) -> None:
    torch.testing.assert_close(weight[:, 0, 2, 2], -torch.ones(len(weight)))
    torch.testing.assert_close(weight.sum(dim=(1, 2, 3)), torch.zeros(len(weight)), atol=1e-5, rtol=0)


def test_constraint_holds_at_first_and_after_any_update(residual: ConstrainedResidual) -> None:
    assert_constrained(residual.weight())
    before = residual.weight().detach().clone()
    optimizer = torch.optim.SGD(residual.parameters(), lr=5.0)
    image = torch.rand(2, 3, 32, 32) * 255
    residual(image, torch.ones(2, 1, 32, 32)).square().mean().backward()
    optimizer.step()
    assert (residual.weight() - before).abs().max() > 1e-3
    assert_constrained(residual.weight())
    with torch.no_grad():
        residual.free.zero_()  # a sum of 0, where dividing by the sum would fail
    assert_constrained(residual.weight())


def test_flat_photo_has_no_residual_even_at_its_border(residual: ConstrainedResidual) -> None:
    image = torch.full((1, 3, 16, 16), 200.0)
    assert residual(image, torch.ones(1, 1, 16, 16)).abs().max() < 1e-3


def test_equals_a_plain_convolution_inside_and_is_clipped(residual: ConstrainedResidual) -> None:
    generator = torch.Generator().manual_seed(1)
    image = torch.randint(0, 256, (1, 3, 20, 24), generator=generator).float()
    answer = residual(image, torch.ones(1, 1, 20, 24))
    weight = residual.weight()
    row, column = 9, 13
    for index in range(6):
        patch = image[0, index // 2, row - 2 : row + 3, column - 2 : column + 3]
        expected = ((patch * weight[index, 0]).sum() / residual.UNIT).clamp(-residual.LIMIT, residual.LIMIT)
        torch.testing.assert_close(answer[0, index, row, column], expected, atol=1e-3, rtol=1e-4)
    assert answer.abs().max() == residual.LIMIT


def test_padding_is_not_seen(residual: ConstrainedResidual) -> None:
    image = torch.rand(1, 3, 32, 32) * 255
    valid = torch.ones(1, 1, 32, 32)
    valid[..., 20:, :] = 0
    answer = residual(image, valid)
    assert answer[..., 18:, :].abs().max() == 0
    assert answer[..., 2:18, 2:30].abs().max() > 0


@pytest.mark.parametrize("filters", [0, 4, -3])
def test_refuses_filters_that_do_not_share_out(filters: int) -> None:
    with pytest.raises(ConfigurationError, match=f"multiple of 3, got {filters}"):
        ConstrainedResidual(filters)
