import json
from dataclasses import asdict, dataclass, field

import pytest

from falseflaw.evaluation.figures.decoding import decode


@dataclass(frozen=True)
class Leaf:
    name: str
    share: float | None


@dataclass(frozen=True)
class Tree:
    leaves: tuple[Leaf, ...]
    by_name: dict[str, Leaf]
    count: int
    sure: bool
    best: Leaf | None
    notes: dict[str, str] = field(default_factory=dict)


def test_what_was_written_is_read_back() -> None:
    leaf = Leaf("a", 0.25)
    tree = Tree((leaf, Leaf("b", None)), {"a": leaf}, 3, True, None, {"by": "hand"})
    assert decode(Tree, json.loads(json.dumps(asdict(tree)))) == tree


def test_whole_numbers_pass_for_shares_and_unknown_keys_are_left_aside() -> None:
    assert decode(Leaf, {"name": "a", "share": 1, "later": []}) == Leaf("a", 1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"leaves": [{"name": "a"}]}, r"'leaves\[0\].share' is missing"),
        ({"leaves": "ab"}, "expected a list at leaves, got 'ab'"),
        ({"by_name": []}, r"expected an object at by_name, got '\[\]'"),
        ({"by_name": {"a": {"name": 1, "share": 0}}}, "expected a value of type str at by_name.a.name"),
        ({"count": 1.5}, "expected a value of type int at count, got '1.5'"),
        ({"count": True}, "expected a value of type int at count"),
        ({"best": 3}, "expected an object at best"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(change, message) -> None:
    values = {"leaves": [], "by_name": {}, "count": 0, "sure": False, "best": None}
    with pytest.raises(ValueError, match=message):
        decode(Tree, values | change)
    with pytest.raises(ValueError, match="an object at its top"):
        decode(Tree, [])
