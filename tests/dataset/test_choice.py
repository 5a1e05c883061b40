import pytest

from falseflaw.dataset.choice import take


def original(name: str) -> bool:
    return name.startswith("o")


DRAWN = ["o1", "a", "b", "o2", "c", "o3", "d", "e", "f", "g", "h", "o4"]


def test_up_to_a_quarter_are_originals() -> None:
    assert take(DRAWN, 4, original) == ["o1", "a", "b", "c"]
    assert take(DRAWN, 3, original) == ["a", "b", "c"]
    assert take(DRAWN, 8, original) == ["o1", "a", "b", "o2", "c", "d", "e", "f"]


def test_more_originals_are_taken_only_where_the_others_run_out() -> None:
    assert take(DRAWN, 11, original) == DRAWN[:-1]
    assert take(DRAWN, 12, original) == take(DRAWN, 99, original) == DRAWN
    assert take(["o1", "o2", "o3"], 2, original) == ["o1", "o2"]


@pytest.mark.parametrize("count", range(12))
def test_a_smaller_choice_is_part_of_a_larger_one(count: int) -> None:
    assert len(take(DRAWN, count, original)) == count
    assert set(take(DRAWN, count, original)) <= set(take(DRAWN, count + 1, original))
