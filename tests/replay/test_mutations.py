"""Some of the planted faults of the benchmark `divergence`: the report is right about each."""

from pathlib import Path

from tests.replay.mutations import EDITS, LEAKS, check, problems

CHOSEN = {
    "two awaits swapped",
    "a prompt edited",
    "the version of a package",
}


def test_reports_name_the_event_the_cause_and_what_changed(tmp_path: Path) -> None:
    """Edits are held against the digests in the run, the rest against its machine."""
    faults = [one for one in (*EDITS, *LEAKS) if one.name in CHOSEN]
    assert len(faults) == len(CHOSEN)

    found = check(tmp_path, faults)

    assert {one.name: problems(one, said) for one, said in found if problems(one, said)} == {}
    prompt = next(said for one, said in found if one.name == "a prompt edited")
    assert "more than [-twenty-]{+thirty+} of them" in prompt.report or any(
        "thirty" in line for line in prompt.first["text_diff"]
    )
    assert prompt.first["pointer"] == "/request/json/messages/1/content"
