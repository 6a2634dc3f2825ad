"""The token estimate: how text is cut into the pieces that are counted and streamed.

No real tokeniser is used: it would need a download, and a simulator has no
vocabulary. The estimate is documented instead, and the same everywhere: a
token is a run of up to six letters or digits, or one other visible character,
together with the white space before it. English prose comes out near 1.3
tokens a word, as with real models. Pieces joined again are the text.
"""

import re

_PIECE = re.compile(r"\s*(?:[^\W_]{1,6}|[^\w\s]|_)|\s+")


def split_tokens(text: str) -> list[str]:
    """Cut a text into its tokens; joined again they are the text."""
    return _PIECE.findall(text)


def count_tokens(text: str) -> int:
    """Return how many tokens the text is estimated to have."""
    return sum(1 for _ in _PIECE.finditer(text))
