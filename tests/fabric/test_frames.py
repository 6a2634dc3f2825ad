"""Frames as bytes: nothing is lost, whatever strings they carry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.errors import InternalError
from agentmesh.fabric.frames import Frame, decode, encode
from agentmesh.kernel.envelope import ASK, Envelope

ANY_TEXT = st.text(st.characters(codec=None, categories=None))


def a_frame(text: str, payload: bytes) -> Frame:
    """A frame with one message that has a text wherever texts can be."""
    envelope = Envelope(text, 3, text, ASK, text, text, payload, 7, 99, (text, "A/b"), text)
    return Frame("left", 1, "right", 2, 10, 20, 11, [envelope], rewind=True)


@given(text=ANY_TEXT, payload=st.binary())
def test_a_frame_comes_back_as_it_was(text: str, payload: bytes) -> None:
    """Any text: keys and tracebacks contain what models and files contain."""
    assert decode(encode(a_frame(text, payload))) == a_frame(text, payload)


@given(text=st.sampled_from(["\ud800", "a\udfffb", "\\ud800", "\\\ud800\\"]))
def test_lone_surrogates_and_what_looks_like_them_stay_apart(text: str) -> None:
    """msgpack strings are UTF-8; a lone surrogate is escaped, and so is a backslash."""
    assert decode(encode(a_frame(text, b"{}"))).envelopes[0].src == text


@pytest.mark.parametrize("data", [b"", b"\x93\x01", b"\x91\xa3odd", b"no frame", b"\xc1"])
def test_what_is_no_frame_is_refused_with_the_usual_cause(data: bytes) -> None:
    """Two hosts with different versions of agentmesh."""
    with pytest.raises(InternalError, match="different versions of agentmesh"):
        decode(data)
