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

UPLOAD_MODEL = """
used      parent
used      parent_model
used      model_id
ignored   service_account
set       .name
set       .version_id
used      .version_aliases
set       .version_create_time
set       .version_update_time
used      .display_name   of a first version; later ones have the name of their model
used      .description    of a first version, as display_name
used      .version_description
refused   .default_checkpoint_id
kept      .predict_schemata
kept      .metadata_schema_uri
kept      .metadata
empty     .supported_export_formats
empty     .training_pipeline
kept      .pipeline_job
used      .container_spec.image_uri
kept      .container_spec.command   the server of the image is started as it always is
kept      .container_spec.args   as command
used      .container_spec.env   names and values as given; $(NAME) is not replaced
kept      .container_spec.ports   the server listens on a socket of its own
used      .container_spec.predict_route
used      .container_spec.health_route
refused   .container_spec.invoke_route_prefix
refused   .container_spec.grpc_ports
kept      .container_spec.deployment_timeout
kept      .container_spec.shared_memory_size_mb
kept      .container_spec.startup_probe
kept      .container_spec.health_probe
kept      .container_spec.liveness_probe
used      .artifact_uri
set       .supported_deployment_resources_types
set       .supported_input_storage_formats
set       .supported_output_storage_formats
set       .create_time
set       .update_time
set       .deployed_models
used      .explanation_spec   by batch prediction jobs that ask for explanations
set       .etag
used      .labels   of a first version they are the model's, later the version's; see UpdateModel
kept      .data_stats
kept      .encryption_spec
set       .model_source_info   CUSTOM
empty     .original_model_info
empty     .metadata_artifact
refused   .base_model_source
empty     .satisfies_pzs
empty     .satisfies_pzi
empty     .checkpoints
"""

COPY_MODEL = """
used      parent
used      source_model
used      model_id
used      parent_model
used      encryption_spec.kms_key_name   kept with the copy
ignored   custom_service_account
"""

CREATE_ENDPOINT = """
used      parent
used      endpoint_id
set       .name
used      .display_name
used      .description
set       .deployed_models
used      .traffic_split   must be empty: nothing is deployed yet
set       .etag
used      .labels
set       .create_time
set       .update_time
kept      .encryption_spec
kept      .network   requests find the endpoint at its public address
refused   .enable_private_service_connect
refused   .private_service_connect_config
empty     .model_deployment_monitoring_job
refused   .predict_request_response_logging_config
refused   .dedicated_endpoint_enabled
empty     .dedicated_endpoint_dns
kept      .client_connection_config
empty     .satisfies_pzs
empty     .satisfies_pzi
refused   .gen_ai_advanced_features_config
kept      .private_model_server_enabled   no model server reaches the network anyway
"""

DEPLOY_MODEL = """
used      endpoint
used      traffic_split   without one, the first model takes all traffic
used      .dedicated_resources.machine_spec.machine_type   required, and kept
kept      .dedicated_resources.machine_spec.accelerator_type
kept      .dedicated_resources.machine_spec.accelerator_count
kept      .dedicated_resources.machine_spec.gpu_partition_size
kept      .dedicated_resources.machine_spec.tpu_topology
kept      .dedicated_resources.machine_spec.reservation_affinity
used      .dedicated_resources.min_replica_count   at least 1, and kept; one process serves
used      .dedicated_resources.max_replica_count   at least min_replica_count, and kept
kept      .dedicated_resources.required_replica_count
kept      .dedicated_resources.autoscaling_metric_specs
kept      .dedicated_resources.spot
used      .automatic_resources.min_replica_count   kept, for any model
used      .automatic_resources.max_replica_count   kept, for any model
refused   .shared_resources
used      .id
used      .model
set       .model_version_id
used      .display_name
set       .create_time
kept      .explanation_spec   Explain is not emulated
kept      .disable_explanations
kept      .service_account
kept      .disable_container_logging
kept      .enable_access_logging
empty     .private_endpoints
kept      .faster_deployment_config
empty     .status
kept      .system_labels
refused   .checkpoint_id
refused   .speculative_decoding_spec
"""

CREATE_PIPELINE_JOB = """
used      parent
used      pipeline_job_id
set       .name
used      .display_name
set       .create_time
set       .start_time
set       .end_time
set       .update_time
used      .pipeline_spec
set       .state
empty     .job_detail.pipeline_context
empty     .job_detail.pipeline_run_context
set       .job_detail.task_details
set       .error
used      .labels
refused   .runtime_config.parameters   parameter_values has taken their place
used      .runtime_config.gcs_output_directory
used      .runtime_config.parameter_values
used      .runtime_config.failure_policy
refused   .runtime_config.input_artifacts
used      .encryption_spec.kms_key_name   by the placeholder
used      .service_account   by the placeholder
used      .network   by the placeholder
kept      .reserved_ip_ranges
kept      .psc_interface_config
kept      .template_uri
empty     .template_metadata
empty     .schedule_name
kept      .preflight_validations
"""

RESOURCES = {
    "UploadModel": "model",
    "CopyModel": "",
    "CreateEndpoint": "endpoint",
    "DeployModel": "deployed_model",
    "CreateBatchPredictionJob": "batch_prediction_job",
    "CreatePipelineJob": "pipeline_job",
}
"""The field of the request that is the resource, by method."""

FIELDS = {
    "UploadModel": UPLOAD_MODEL,
    "CopyModel": COPY_MODEL,
    "CreateEndpoint": CREATE_ENDPOINT,
    "DeployModel": DEPLOY_MODEL,
    "CreateBatchPredictionJob": CREATE_BATCH_PREDICTION_JOB,
    "CreatePipelineJob": CREATE_PIPELINE_JOB,
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
    "DeployModel": "starts a model server; done when the call returns",
    "MutateDeployedModel": "kept, without effect",
    "Predict": "requests are dealt in turn: any 100 are shared out exactly as traffic_split says",
    "RawPredict": "as Predict; of the model's reply only the body comes back",
    "CreateBatchPredictionJob": "one machine does the work, whatever was asked for",
    "GetBatchPredictionJob": "is held for up to 3 s while the job runs",
    "GetPipelineJob": "is held for up to 3 s while the job runs",
}
"""What is not as a reader of Google's documentation would expect, by method."""
