"""The errors that reach a user: what was wrong, where, what to do, and a stable code."""


class BatchpredictError(Exception):
    """An error with a stable code, printed as one line; the command exits with ``exit_code``.

    Attributes:
        code: Stable identifier such as ``E101``; ``docs/reference/messages.md`` lists them.
        exit_code: 1 the run failed, 2 usage, 3 environment, 4 the run took too long.
    """

    exit_code = 1

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code} {message}")


class RunError(BatchpredictError):
    """The pipeline ran and failed, or the thing that was checked is wrong."""


class UsageError(BatchpredictError):
    """The command, a pipeline name or a parameter is wrong."""

    exit_code = 2


class EnvironmentFault(BatchpredictError):  # noqa: N818 (EnvironmentError is Python's own)
    """This machine lacks something: a writable folder, a package, disk space."""

    exit_code = 3


class RunTooLong(BatchpredictError):  # noqa: N818 (as EnvironmentFault)
    """The run did not end within the time that it was given, and was cancelled."""

    exit_code = 4
