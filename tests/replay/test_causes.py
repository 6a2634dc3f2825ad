"""The likely cause of a divergence: which class each kind of evidence leads to."""

from dataclasses import replace
from typing import Any

import pytest

from agentmesh.journal.run_info import CodeVersion, RunInfo
from agentmesh.replay.causes import Facts, Today, judge
from agentmesh.replay.code_changes import CodeChange, CodeChanges

INFO = RunInfo(
    id="r",
    python="3.11.7",
    packages={"pydantic": "2.0"},
    sources={"app": "1"},
    functions={"app": {"Shop.buy": "1"}},
    hash_fingerprint="a",
    code=CodeVersion(commit="0123456789abcdef", dirty=True),
)
TODAY = Today(
    python="3.11.7", packages={"pydantic": "2.0"}, sources={"app": "1"}, hash_fingerprint="a"
)
NOTHING = Facts(
    pointer="/payload", asks_model=False, code=CodeChanges(), unstable=False, reordered=False
)
EDITED = CodeChanges(used=[CodeChange(module="app", file="app.py", name="Shop.buy", ran_at=3)])


@pytest.mark.parametrize(
    ("facts", "info", "today", "cause", "said"),
    [
        ({}, {}, {}, "unrecorded input", "no code that ran here has changed"),
        ({"code": EDITED}, {}, {}, "code", "Shop.buy changed since"),
        (
            {"code": EDITED, "asks_model": True, "pointer": "/request/json/messages/0/content"},
            {},
            {},
            "prompt",
            "the same model is asked something else",
        ),
        (
            {"code": EDITED, "asks_model": True, "pointer": "/request/json/temperature"},
            {},
            {},
            "code",
            "Shop.buy",
        ),
        ({"code": EDITED, "unstable": True}, {}, {}, "unrecorded input", "replayed twice"),
        ({}, {"functions": {}}, {"sources": {"app": "2"}}, "code", "the source of app differs"),
        ({"redacted": "A/b@1"}, {}, {}, "redaction", "A/b@1 brings placeholders"),
        ({"redacted": "A/b@1"}, {}, {"python": "3.12.0"}, "environment", "3.11.7 -> 3.12.0"),
        (
            {"redacted": "A/b@1", "redacted_later": True},
            {},
            {"python": "3.12.0"},
            "redaction",
            "is not in the recording",
        ),
        ({}, {}, {"packages": {"pydantic": "3.0"}}, "environment", "pydantic 2.0 -> 3.0"),
        ({}, {}, {"packages": {}}, "environment", "pydantic 2.0 -> not installed"),
        ({"reordered": True}, {}, {"hash_fingerprint": "b"}, "environment", "hash seed differs"),
        ({"reordered": True}, {}, {}, "schedule", "another order"),
        ({}, {}, {"hash_fingerprint": "b"}, "unrecorded input", "The hash seed differs too"),
        ({"code": EDITED, "lost_mark": "new"}, {}, {}, "code", "no longer takes the new path"),
    ],
)
def test_the_strongest_evidence_names_the_class(
    facts: dict[str, Any], info: dict[str, Any], today: dict[str, Any], cause: str, said: str
) -> None:
    """Each row has some evidence, and what must come of it."""
    fields = {**{name: getattr(INFO, name) for name in INFO.__struct_fields__}, **info}

    verdict = judge(RunInfo(**fields), replace(TODAY, **today), replace(NOTHING, **facts))

    assert verdict.cause == cause
    assert said in verdict.explanation


def test_all_that_was_found_is_told_also_what_did_not_decide() -> None:
    """A dirty tree, another Python and a change that had no say are evidence, too."""
    code = CodeChanges(used=EDITED.used, others=["Cashier.pay"])

    verdict = judge(INFO, replace(TODAY, python="3.12.0"), replace(NOTHING, code=code))

    text = "; ".join(verdict.evidence)
    assert "Shop.buy changed since the run was recorded, and ran here" in text
    assert "Cashier.pay changed, but had no say" in text
    assert "Python 3.11.7 -> 3.12.0" in text
    assert "changes that commit 0123456789 does not have" in text
