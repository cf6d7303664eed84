"""Where a schedule is that a person names."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batchpredict.config.settings import Settings


def place_of(name: str, settings: "Settings") -> tuple[str, str]:
    """Return project and region of a schedule; a resource name says them itself.

    Raises:
        UsageError: The settings do not say (E411, E412).
    """
    if not name.startswith("projects/"):
        settings.require("project", "location")
    return settings.project, settings.location
