"""Every check, in the order in which they are shown."""

from batchpredict.doctoring import access, credentials, installation, project, serving

CHECKS = (
    *installation.CHECKS,
    *serving.CHECKS,
    *credentials.CHECKS,
    *project.CHECKS,
    *access.CHECKS,
)
