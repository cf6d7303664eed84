"""What happens to each field of a request, one line each: status, path, and a note if need be.

used      it has its effect
kept      it comes back as it was sent, and has no effect here
ignored   it has no effect, and no reply shows it
set       the service says it; what a client sends is dropped
empty     the service would say it; here it stays empty, and what a client sends is dropped
refused   UNIMPLEMENTED, with the name of the field

A path that begins with a dot lies in the resource that the request makes. A line stands for
everything inside its field; where parts differ, each part has a line. This text decides what is
dropped and refused (``rules``), and docs/reference/emulation.md shows it (``page``).
"""

from batchpredict.local.vertex.surface.batch_fields import CREATE_BATCH_PREDICTION_JOB
from batchpredict.local.vertex.surface.endpoint_fields import CREATE_ENDPOINT, DEPLOY_MODEL
from batchpredict.local.vertex.surface.job_fields import CREATE_CUSTOM_JOB, CREATE_TUNING_JOB
from batchpredict.local.vertex.surface.model_fields import COPY_MODEL, UPLOAD_MODEL
from batchpredict.local.vertex.surface.pipeline_fields import CREATE_PIPELINE_JOB
from batchpredict.local.vertex.surface.schedule_fields import CREATE_SCHEDULE
from batchpredict.local.vertex.surface.training_fields import CREATE_TRAINING_PIPELINE

RESOURCES = {
    "UploadModel": "model",
    "CopyModel": "",
    "CreateEndpoint": "endpoint",
    "DeployModel": "deployed_model",
    "CreateBatchPredictionJob": "batch_prediction_job",
    "CreatePipelineJob": "pipeline_job",
    "CreateCustomJob": "custom_job",
    "CreateHyperparameterTuningJob": "hyperparameter_tuning_job",
    "CreateTrainingPipeline": "training_pipeline",
    "CreateSchedule": "schedule",
}
"""The field of the request that is the resource, by method."""

FIELDS = {
    "UploadModel": UPLOAD_MODEL,
    "CopyModel": COPY_MODEL,
    "CreateEndpoint": CREATE_ENDPOINT,
    "DeployModel": DEPLOY_MODEL,
    "CreateBatchPredictionJob": CREATE_BATCH_PREDICTION_JOB,
    "CreatePipelineJob": CREATE_PIPELINE_JOB,
    "CreateCustomJob": CREATE_CUSTOM_JOB,
    "CreateHyperparameterTuningJob": CREATE_TUNING_JOB,
    "CreateTrainingPipeline": CREATE_TRAINING_PIPELINE,
    "CreateSchedule": CREATE_SCHEDULE,
}
"""The text of each method that makes a resource."""

SELF_REFUSING = ("CreateBatchPredictionJob",)
"""The methods that refuse fields themselves, as they have more to say about them."""

METHODS = {
    "GetModel": "with @VERSION or @alias, name is that of the version",
    "UpdateModel": "display_name and description of all versions by the model's name, "
    "version_description by the version's; labels of both, a reply shows them as one",
    "MergeVersionAliases": "the name may end in @alias too",
    "DeleteModelVersion": "when it was the default, the newest version left becomes it",
    "ListModels": "more fields can be filtered by than Vertex AI documents",
    "UpdateEndpointLongRunning": "client_connection_config only; other fields stay as they are",
    "Predict": "requests are dealt in turn: any 100 are shared out exactly as traffic_split says",
    "Explain": "sampled Shapley values, as batch prediction gives them; no other method",
    "GetBatchPredictionJob": "is held for up to 3 s while the job runs",
    "GetCustomJob": "is held for up to 3 s while the job runs",
    "GetHyperparameterTuningJob": "is held for up to 3 s while the job runs",
    "CreateTrainingPipeline": "a custom job, then the upload of what is in AIP_MODEL_DIR",
    "GetTrainingPipeline": "is held for up to 3 s while the pipeline runs",
    "CreateSchedule": "a run that is due starts at once; runs that were missed while nothing ran "
    "here are skipped, unless catch_up is set",
    "UpdateSchedule": "the new time counts from now; runs that wait are dropped",
    "ResumeSchedule": "with catch_up all runs that were missed start at once",
    "GetMetadataStore": "default, which is always there",
    "ListContexts": "the pipelines and their runs; nothing that a client wrote",
    "ListExecutions": "of runs and their tasks",
    "ListArtifacts": "what tasks wrote or were given",
    "QueryExecutionInputsAndOutputs": "a run has the metrics of all its tasks as outputs",
    "GetPipelineJob": "is held for up to 3 s while the job runs",
}
"""What is not as a reader of Google's documentation would expect, by emulated method."""

APPROXIMATED = {
    "DeployModel": "one process of this machine serves, whatever was asked for; done when the "
    "call returns",
    "MutateDeployedModel": "kept, without effect",
    "RawPredict": "as Predict; of the model's reply only the body comes back",
    "CreateBatchPredictionJob": "one machine does the work, whatever was asked for",
    "CreateCustomJob": "each replica is a process here; the job ends with the first replica, or "
    "when one has failed",
    "CreateHyperparameterTuningJob": "trials are drawn at random or from a grid; the metric is "
    "read from the file that CLOUD_ML_HP_METRIC_FILE names, where cloudml-hypertune writes it",
}
"""What is done in another way than Vertex AI does it, by method."""
