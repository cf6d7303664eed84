"""Carries out one batch prediction job: reads instances, asks the model server, writes shards."""

import http.client
import itertools
import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format
from google.rpc import code_pb2, status_pb2

from batchpredict.local.network.rpcs import protobuf
from batchpredict.local.settings import BatchSettings
from batchpredict.local.storage.errors import StorageError
from batchpredict.local.storage.objects import ObjectStore
from batchpredict.local.vertex.batch.destinations import open_output
from batchpredict.local.vertex.batch.explanations import Explainer, explanation_spec
from batchpredict.local.vertex.batch.features import ExplainError
from batchpredict.local.vertex.batch.inputs import Tables, open_source
from batchpredict.local.vertex.batch.outputs import Answers
from batchpredict.local.vertex.batch.rows import Row
from batchpredict.local.vertex.errors import ServiceError, invalid

DEFAULT_BATCH_SIZE = 64
RETRIES = 3
REQUEST_SECONDS = 600.0
LONGEST_TEXT = 2000
MOST_MESSAGES = 1000
MOST_PARTIAL_FAILURES = 20
START = "Post request fails. Cannot get predictions. Error:"
NOT_EXPLAINED = "Post request fails. Cannot decode the explanation response. Error:"
OTHER_MESSAGES = f"{START} errors of other texts."
CODES = {404: code_pb2.NOT_FOUND, 403: code_pb2.PERMISSION_DENIED}
Predict = Callable[[Any, bytes], tuple[int, bytes]]


@dataclass
class Outcome:
    """What became of the instances so far.

    Attributes:
        succeeded: Number of instances with a prediction.
        failed: Number of instances without one.
        errors: Number of failed instances for each message.
        partial_failures: A ``google.rpc.Status`` for each of the first files without one.
        complete: Whether there are no more instances.
    """

    succeeded: int = 0
    failed: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    partial_failures: list[Any] = field(default_factory=list)
    complete: bool = False

    def fail(self, message: str, count: int) -> None:
        """Count instances as failed; of more messages than can be kept only the number."""
        self.failed += count
        known = message in self.errors or len(self.errors) < MOST_MESSAGES
        self.errors[message if known else OTHER_MESSAGES] += count

    def unreadable(self, uri: str, error: StorageError) -> None:
        """Count the instance that a file would have been as failed, and name the file."""
        self.fail("Cannot read a file of the file list.", 1)
        if len(self.partial_failures) < MOST_PARTIAL_FAILURES:
            code = CODES.get(error.status, code_pb2.INVALID_ARGUMENT)
            message = f"{uri} cannot be read: {error.message}"
            self.partial_failures.append(status_pb2.Status(code=code, message=message))


def run_batch_prediction(
    job: Any,
    model: Any,
    store: ObjectStore,
    tables: Tables,
    predict: Predict,
    cancelled: threading.Event,
    outcome: Outcome,
    settings: BatchSettings,
) -> None:
    """Predict every instance of ``job``; a batch that the model refuses is counted as failed.

    The output names are those that real jobs of custom models have: a folder
    ``prediction-<model>-<time>`` with ``prediction.results-*`` and ``prediction.errors_stats-*``.

    Args:
        job: The job, with its output folder.
        model: The model.
        store: Where input and output are.
        tables: Where they are when they are tables.
        predict: Sends a request to the model's server; returns status and body.
        cancelled: Ends the work when it is set.
        outcome: Is filled.
        settings: What the service chooses.

    Raises:
        ServiceError: There is no input, an instance is not as it has to be, or the model does not
            load. What was predicted until then is written.
    """
    source = open_source(job, store, tables, outcome.unreadable)
    size = job.manual_batch_tuning_parameters.batch_size or DEFAULT_BATCH_SIZE
    asker = _Asker(job, model, predict, size, cancelled)
    output = open_output(job, model, store, tables, source, settings)
    try:
        batches = _batches(source.rows(), size)
        for answers, failures in _in_order(batches, asker.ask, settings.in_flight, cancelled):
            for message, rows in failures.items():
                outcome.fail(message, len(rows))
                output.fail(rows, message)
            if answers.rows:
                output.write(answers)
            outcome.succeeded += len(answers.rows)
        outcome.complete = not cancelled.is_set()
    finally:
        output.close(outcome.errors)


def _batches(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while batch := list(itertools.islice(rows, size)):
        yield batch


Failures = dict[str, list[Row]]
Asked = tuple[Answers, Failures]


def _in_order(
    batches: Iterator[list[Row]],
    ask: Callable[[list[Row]], Asked],
    in_flight: int,
    cancelled: threading.Event,
) -> Iterator[Asked]:
    """Yield what ``ask`` returns for each batch, several at work; end early when cancelled."""
    pool = ThreadPoolExecutor(in_flight, thread_name_prefix="batch-prediction")
    pending: deque[Future[Asked]] = deque()
    try:
        for batch in batches:
            pending.append(pool.submit(ask, batch))
            if len(pending) > in_flight + 1:
                if not _done(pending[0], cancelled):
                    return
                yield pending.popleft().result()
        while pending and _done(pending[0], cancelled):
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _done(future: Future[Asked], cancelled: threading.Event) -> bool:
    """Wait for a result; return whether it came before the job was cancelled."""
    while not cancelled.is_set():
        try:
            future.exception(0.2)
            return True
        except TimeoutError:
            continue
    return False


class _Asker:
    """Asks the model's server about batches of instances."""

    def __init__(
        self, job: Any, model: Any, predict: Predict, size: int, cancelled: threading.Event
    ) -> None:
        parameters = json_format.MessageToDict(protobuf(job).model_parameters)
        self._end = "]}"
        if parameters is not None:
            self._end = f'], "parameters": {json.dumps(parameters)}}}'
        self._model = model
        self._post = predict
        self._size = size
        self._cancelled = cancelled
        self._explainer: Explainer | None = None
        if job.generate_explanation:
            self._explainer = Explainer(explanation_spec(job, model), self._predict_more)

    def ask(self, batch: list[Row]) -> Asked:
        """Return the answers to a batch, and the instances that failed by their message."""
        predictions = self._predictions([row.sent for row in batch])
        if isinstance(predictions, str):
            return Answers([], [], []), {predictions: batch}
        if self._explainer is None:
            return Answers(batch, predictions, []), {}
        return self._explained(self._explainer, batch, predictions)

    def _explained(
        self, explainer: Explainer, batch: Sequence[Row], predictions: Sequence[Any]
    ) -> Asked:
        rows, values, explanations = list[Row](), list[Any](), list[str]()
        failures: Failures = {}
        for row, prediction in zip(batch, predictions, strict=True):
            try:
                explanations.append(explainer.explain(json.loads(row.sent), prediction))
            except ExplainError as error:
                failures.setdefault(f"{NOT_EXPLAINED} {error}.", []).append(row)
                continue
            rows.append(row)
            values.append(prediction)
        return Answers(rows, values, explanations), failures

    def _predict_more(self, instances: Sequence[Any]) -> list[Any]:
        """Return the predictions of instances that an explanation needs."""
        found: list[Any] = []
        for start in range(0, len(instances), self._size):
            chunk = [json.dumps(it) for it in instances[start : start + self._size]]
            predictions = self._predictions(chunk)
            if isinstance(predictions, str):
                raise ExplainError(predictions.removeprefix(START).strip().removesuffix("."))
            found += predictions
        return found

    def _predictions(self, sent: Sequence[str]) -> list[Any] | str:
        """Return the predictions of instances, or the message of their failure.

        As messages of real jobs say, a request that is refused is sent three times more.
        """
        body = f'{{"instances": [{", ".join(sent)}{self._end}'.encode()
        started = time.monotonic()
        for _ in range(1 + RETRIES):
            status, content = self._send(body)
            if status == 200:
                return _predictions(status, content, len(sent))
            elapsed = time.monotonic() - started
            if elapsed >= REQUEST_SECONDS or self._cancelled.is_set():
                break
        refusal = _predictions(status, content, len(sent))
        assert isinstance(refusal, str)
        reason = refusal.removeprefix(START).removesuffix(".")
        return f"{START} Exceeded retries:{reason}, retry={RETRIES}, elapsed={elapsed:.2f}s."

    def _send(self, body: bytes) -> tuple[int, bytes]:
        try:
            return self._post(self._model, body)
        except TimeoutError:
            return 504, b"upstream request timeout"
        except (OSError, http.client.HTTPException) as error:
            return 503, f"upstream connect error: {error}".encode()


def _predictions(status: int, content: bytes, wanted: int) -> list[Any] | str:
    """Return the predictions of one reply, or the message of its failure."""
    text = content.decode(errors="replace")
    if status != 200:
        return f"{START} Non-OK result {status} ({text[:LONGEST_TEXT]}) from server."
    try:
        predictions = json.loads(text)["predictions"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"{START} the reply is not an object with predictions ({text[:200]})."
    if not isinstance(predictions, list) or len(predictions) != wanted:
        return f"{START} the reply does not hold {wanted} predictions."
    return predictions


def check_outcome(outcome: Outcome) -> None:
    """Raise when not one instance was predicted."""
    if outcome.succeeded:
        return
    if not outcome.failed:
        raise invalid("the input holds no instances")
    message = next(iter(outcome.errors))
    raise ServiceError(
        code_pb2.INTERNAL, f"all {outcome.failed} instances failed. {message[:1000]}"
    )
