"""What was judged stays in order, and is counted as it should be."""

from agentmesh.linting.checking import RULES
from tests.linting.judged import Judged, compare, read_judged

JUDGED = read_judged()


def test_at_least_fifty_findings_were_judged_each_once_with_a_reason() -> None:
    """Of rules that exist, in words."""
    assert len(JUDGED) >= 50
    assert len({one.place for one in JUDGED}) == len(JUDGED)
    assert {one.rule for one in JUDGED} <= {*RULES}
    assert [one for one in JUDGED if len(one.why.split()) < 3] == []


def test_labels_of_other_versions_and_places_match_no_more() -> None:
    """Another version of the package, or a finding that is gone: neither true nor false."""
    here, moved, upgraded, wrong = (
        Judged(package, "1.0", "a.py", line, "AM101", is_true, "for this test")
        for package, line, is_true in (
            ("one", 1, True),
            ("one", 2, True),
            ("two", 3, True),
            ("one", 4, False),
        )
    )
    found = [here.place, upgraded.place, wrong.place]
    verdicts, stale = compare([here, moved, upgraded, wrong], found, {"one": "1.0", "two": "2.0"})

    assert (verdicts["AM101"].true, verdicts["AM101"].false, stale) == (1, 1, 2)
    assert verdicts["AM101"].precision == 0.5
