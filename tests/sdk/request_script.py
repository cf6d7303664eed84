"""Start the same run with Google's SDK and with ours."""

import sys
from typing import Any

from google.cloud import aiplatform

from batchpredict import vertex

FIELDS: dict[str, Any] = {
    "display_name": "the same",
    "pipeline_root": "gs://requests/root",
    "labels": {"team": "churn"},
    "failure_policy": "fast",
}
PARAMETERS = {"text": "a=b", "seconds": 0.5, "fail": False, "count": 3, "names": ["ä", "b"]}
PROJECT, LOCATION = "local-project", "us-central1"
KEY = f"projects/{PROJECT}/locations/{LOCATION}/keyRings/ring/cryptoKeys/key"
ACCOUNT = "runner@local-project.iam.gserviceaccount.com"
NETWORK = "projects/123456789012/global/networks/default"


def send(template: str, name: str, caching: bool | None) -> None:
    job = aiplatform.PipelineJob(
        template_path=template,
        job_id=f"sdk-{name}",
        parameter_values=PARAMETERS,
        enable_caching=caching,
        encryption_spec_key_name=KEY,
        project=PROJECT,
        location=LOCATION,
        **FIELDS,
    )
    job.submit(service_account=ACCOUNT, network=NETWORK)
    request = vertex.pipeline_run(
        template,
        project=PROJECT,
        location=LOCATION,
        parameters=PARAMETERS,
        run_id=f"ours-{name}",
        service_account=ACCOUNT,
        network=NETWORK,
        encryption_key=KEY,
        enable_caching=caching,
        **FIELDS,
    )
    vertex.submit(request)


for choice in (None, False):
    send(sys.argv[1], str(choice).lower(), choice)
