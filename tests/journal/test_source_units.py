"""The parts of a module, and which of them an edit touches."""

import pytest

from agentmesh.journal.source_units import BYTES_MAX, digests_of, units_of

SOURCE = '''"""A module."""
import os

LIMIT: int = 3
A = B = 1

@dataclass
class Shop(Base):
    """Sells."""

    lamps: int = 1

    @handler
    async def buy(self):
        def inner():
            return 1
        return inner()

    class Inner:
        def deep(self): pass

def helper(): return LIMIT

if __name__ == "__main__":
    helper()
'''


def test_functions_methods_classes_and_constants_are_parts() -> None:
    """What is left is the module; its docstring and its main block are in none."""
    found = units_of(SOURCE.encode())

    names = ["<module>", "LIMIT", "A", "Shop", "Shop.buy", "Shop.Inner", "Shop.Inner.deep"]
    assert sorted(found) == sorted([*names, "helper"])
    assert found["<module>"] == "import os"
    assert found["Shop"].startswith("@dataclass\nclass Shop(Base):")
    assert "lamps: int = 1" in found["Shop"]
    assert "buy" not in found["Shop"]
    assert "inner()" in found["Shop.buy"]


@pytest.mark.parametrize(
    ("old", "new", "touched"),
    [
        ("return 1", "return 2", {"Shop.buy"}),
        ("@handler", "@handler(x)", {"Shop.buy"}),
        ("lamps: int = 1", "lamps: int = 2", {"Shop"}),
        ("Base", "Other", {"Shop"}),
        ("= 3", "= 4", {"LIMIT"}),
        ("import os", "import sys", {"<module>"}),
        ("A module.", "Another.", set()),
        ("    helper()", "    main()", set()),
        ("def helper", "\n\n\ndef helper", set()),
        ("pass", "return 3", {"Shop.Inner.deep"}),
    ],
)
def test_an_edit_touches_the_part_it_is_in(old: str, new: str, touched: set[str]) -> None:
    """And no other: not those that only moved."""
    assert SOURCE.count(old) == 1
    before, after = digests_of(SOURCE.encode()), digests_of(SOURCE.replace(old, new).encode())

    assert {name for name in before if before[name] != after.get(name)} == touched


@pytest.mark.parametrize(
    "source", [b"def broken(:", b"\xff\xfe", b"x = 1\n" * BYTES_MAX, b"", b"x\x00"]
)
def test_what_is_no_module_has_no_parts(source: bytes) -> None:
    """Broken, no text, too large or empty: nothing is said of it, and nothing fails."""
    assert units_of(source) == {}
