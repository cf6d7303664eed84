"""What a Vertex AI service answers when it refuses, with the codes of ``google.rpc.Code``."""

from google.rpc import code_pb2

HTTP_STATUS = {
    code_pb2.CANCELLED: 499,
    code_pb2.INVALID_ARGUMENT: 400,
    code_pb2.NOT_FOUND: 404,
    code_pb2.ALREADY_EXISTS: 409,
    code_pb2.PERMISSION_DENIED: 403,
    code_pb2.RESOURCE_EXHAUSTED: 429,
    code_pb2.FAILED_PRECONDITION: 400,
    code_pb2.ABORTED: 409,
    code_pb2.OUT_OF_RANGE: 400,
    code_pb2.UNIMPLEMENTED: 501,
    code_pb2.INTERNAL: 500,
    code_pb2.UNAVAILABLE: 503,
    code_pb2.DEADLINE_EXCEEDED: 504,
    code_pb2.UNAUTHENTICATED: 401,
}


class ServiceError(Exception):
    """A refusal with its ``google.rpc.Code`` number."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)

    @property
    def status(self) -> str:
        """Name of the code, such as ``NOT_FOUND``."""
        return str(code_pb2.Code.Name(self.code))

    @property
    def http_status(self) -> int:
        """Status of the HTTP reply for this code."""
        return HTTP_STATUS.get(self.code, 500)


def not_found(name: str) -> ServiceError:
    """The named resource does not exist."""
    return ServiceError(code_pb2.NOT_FOUND, f"{name} is not found.")


def invalid(message: str) -> ServiceError:
    """The request is wrong."""
    return ServiceError(code_pb2.INVALID_ARGUMENT, message)


def unimplemented(what: str) -> ServiceError:
    """The service exists on Google Cloud, but not on this machine."""
    return ServiceError(code_pb2.UNIMPLEMENTED, f"{what} is not emulated on this machine.")
