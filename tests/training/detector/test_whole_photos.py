import numpy as np
import pytest
from tests.training.detector.made import USUAL, Layers

from falseflaw.errors import ConfigurationError
from falseflaw.training.detector.whole_photos import WholePhotoPairs, WholePhotoSettings


def pairs_of(layers, count=40, seed=0, **settings):
    return WholePhotoPairs(layers, USUAL, WholePhotoSettings(**settings), count, seed)


def test_untouched_pairs_are_those_that_were_composed_whole() -> None:
    layers = Layers()
    pairs = pairs_of(layers, untouched_share=1.0, saved_share=0.0, enlarged_share=0.0)
    for number in (0, 7):
        negative, positive = pairs[number]
        expected = layers.compose(number, 1024, False)
        assert np.array_equal(negative, expected.negative)
        assert np.array_equal(positive, expected.positive)
    assert set(layers.asked) == {(0, 1024, False), (7, 1024, False)}


def test_saved_pairs_keep_their_size_and_laundered_ones_do_not() -> None:
    saved = pairs_of(Layers(), untouched_share=0.0, saved_share=1.0, enlarged_share=0.0)
    laundered = pairs_of(Layers(), untouched_share=0.0, saved_share=0.0, enlarged_share=0.0)
    whole = Layers().compose(3, 1024, False)
    negative, positive = saved[3]
    assert negative.shape == positive.shape == whole.negative.shape
    assert not np.array_equal(negative, whole.negative)
    sizes = {pair[0].shape for pair in laundered if pair is not None}
    assert len(sizes) > 5
    assert all(pair[0].shape == pair[1].shape for pair in laundered if pair is not None)


def test_enlarged_pairs_are_as_much_larger_as_was_asked_for() -> None:
    enlarged = pairs_of(
        Layers(), untouched_share=0.0, saved_share=0.0, enlarged_share=1.0, enlargement=(1.5, 2.0)
    )
    factors = [pair[0].shape[0] / 200 for pair in enlarged if pair is not None]
    assert len(factors) == 40
    assert min(factors) >= 1.49
    assert max(factors) <= 2.01
    assert np.ptp(factors) > 0.3
    assert all(pair[0].shape == pair[1].shape for pair in enlarged if pair is not None)
    few = pairs_of(
        Layers(), untouched_share=0.0, saved_share=0.0, enlarged_share=1.0, most_pixels=200 * 160 * 3
    )
    kept = [pair[0].shape[0] * pair[0].shape[1] for pair in few if pair is not None]
    assert 0 < len(kept) < 40
    assert max(kept) <= 1.02 * 200 * 160 * 3


def test_a_pair_depends_on_its_number_and_seed_alone() -> None:
    one, other = pairs_of(Layers()), pairs_of(Layers(), count=9)
    assert len(list(one)) == 40
    assert len(list(other)) == 9
    for number in (8, 2):
        for here, there in zip(one[number], other[number], strict=True):
            assert np.array_equal(here, there)
    another = pairs_of(Layers(), seed=1, untouched_share=0.0, saved_share=1.0, enlarged_share=0.0)
    first = pairs_of(Layers(), seed=0, untouched_share=0.0, saved_share=1.0, enlarged_share=0.0)
    assert not all(np.array_equal(first[n][0], another[n][0]) for n in range(4))


def test_what_would_be_too_large_or_too_small_is_left_out() -> None:
    settings = {"untouched_share": 0.0, "saved_share": 0.0, "enlarged_share": 0.0}
    pixels = 200 * 160
    small = [pair for pair in pairs_of(Layers(), most_pixels=pixels, **settings) if pair is not None]
    assert 0 < len(small) < 40
    assert max(pair[0].size / 3 for pair in small) <= pixels * 1.2  # a screenshot's crop may take or add some
    large = [pair for pair in pairs_of(Layers(), smallest=160, **settings) if pair is not None]
    assert 0 < len(large) < 40
    assert min(min(pair[0].shape[:2]) for pair in large) >= 160


@pytest.mark.parametrize(
    "wrong",
    [
        {"untouched_share": 0.8, "saved_share": 0.3},
        {"side": 10},
        {"enlargement": (0.5, 2.0)},
        {"most_pixels": 100},
        {"saved_share": -1},
    ],
)
def test_settings_out_of_range_are_told(wrong) -> None:
    with pytest.raises(ConfigurationError, match="expected"):
        WholePhotoSettings(**wrong)
