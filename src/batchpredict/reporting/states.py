"""What the states of runs and steps are called, and how they look."""

from dataclasses import dataclass

CACHED = "CACHED"


@dataclass(frozen=True)
class Word:
    """A sign, a word and a tone: the state is never told by colour alone."""

    sign: str
    text: str
    tone: str


WORDS = {
    "SUCCEEDED": Word("✓", "succeeded", "good"),
    CACHED: Word("✓", "from the cache", "good"),
    "FAILED": Word("✗", "failed", "bad"),
    "CANCELLED": Word("■", "cancelled", "bad"),
    "CANCELLING": Word("■", "is being cancelled", "busy"),
    "CANCEL_PENDING": Word("■", "is being cancelled", "busy"),
    "RUNNING": Word("▶", "running", "busy"),
    "PENDING": Word("…", "waiting", ""),
    "QUEUED": Word("…", "waiting", ""),
    "PAUSED": Word("…", "paused", ""),
    "SKIPPED": Word("-", "skipped", ""),
    "NOT_TRIGGERED": Word("-", "not taken", ""),
}


def state_word(state: str) -> Word:
    """Return how a state is shown.

    Args:
        state: Such as ``SUCCEEDED``.
    """
    return WORDS.get(state, Word("?", state.lower().replace("_", " ") or "unknown", ""))
