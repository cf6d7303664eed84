"""When a schedule fires; ``batchpredict.cron`` has the rules."""

from batchpredict import cron
from batchpredict.local.vertex.errors import invalid


class Cron(cron.Cron):
    """A cron expression of a request.

    Raises:
        ServiceError: INVALID_ARGUMENT; the message says what is wrong.
    """

    def __init__(self, text: str) -> None:
        try:
            super().__init__(text)
        except ValueError as error:
            raise invalid(str(error)) from error
