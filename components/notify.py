"""Tell people how a run ended, by a webhook."""

from kfp import dsl

from batchpredict import images
from batchpredict.carrying import carried
from batchpredict.runtime.notifying import end_of_run, is_wanted, notify_webhook


@dsl.component(
    base_image=images.PYTHON,
    packages_to_install=[images.GOOGLE_AUTH, images.REQUESTS],
    additional_funcs=carried(end_of_run, is_wanted, notify_webhook),
)
def notify(
    webhook: str,
    pipeline_task_final_status: dsl.PipelineTaskFinalStatus,
    on: str = "failure",
    form: str = "auto",
    title: str = "",
    required: bool = False,
    timeout_seconds: float = 60.0,
) -> bool:
    """Post how the run ended to Slack, Google Chat or any webhook that takes JSON.

    For the exit task of dsl.ExitHandler: `with dsl.ExitHandler(notify(webhook=…)):`. The message
    has the state, the link to the run, and each failed step with what it said.

    Args:
        webhook: Name of the secret that holds the address, projects/P/secrets/S or with
            /versions/V. An address itself is taken too, but KFP logs parameters and the console
            shows them.
        pipeline_task_final_status: How the tasks in the handler ended; Vertex AI gives it.
        on: failure sends only when the tasks did not succeed; always sends each time.
        form: slack, google_chat, json, or auto, which goes by the host of the address.
        title: First words of the message; the name of the run by default.
        required: Fail when the message cannot be sent. By default that is only logged.
        timeout_seconds: How long to try.

    Returns:
        Output: Whether a message was sent.
    """
    import dataclasses
    import logging

    status = dataclasses.asdict(pipeline_task_final_status)
    if not is_wanted(on, str(status["state"])):
        logging.info("the tasks ended with %s: nothing is sent", status["state"])
        return False
    note = end_of_run(status, title)
    return notify_webhook(webhook, form, note, timeout_seconds, required)
