"""What a session found left behind by one that was killed, in words."""

from collections.abc import Mapping

RUNS = "pipelineJobs"


def recovery_notes(ended: Mapping[str, int], state_files: int, uploads: int) -> list[str]:
    """Return one sentence for each thing that was put in order; none after an ordinary end.

    Args:
        ended: How many resources of each collection were under way, and have been ended.
        state_files: How many half-written files of the state were removed.
        uploads: How many unfinished uploads were removed.
    """
    runs = ended.get(RUNS, 0)
    jobs = sum(ended.values()) - runs
    parts = [_counted(jobs, "job"), _counted(runs, "run")]
    named = " and ".join(part for part in parts if part)
    notes = []
    if named:
        is_are = "is" if jobs + runs == 1 else "are"
        way_on = "; --resume lets a run go on" if runs else ""
        notes.append(
            f"recovered: {named} of a session that was killed {is_are} marked as ended{way_on}"
        )
    for number, what in ((state_files, "half-written state file"), (uploads, "unfinished upload")):
        if number:
            was_were = "was" if number == 1 else "were"
            notes.append(f"recovered: {_counted(number, what)} {was_were} removed")
    return notes


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}" if number else ""
