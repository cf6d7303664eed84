"""The fields of the requests of ModelService; ``fields`` explains the words."""

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
used      .container_spec.command   of custom containers, where images.toml names none
used      .container_spec.args   of custom containers
used      .container_spec.env   names and values; $(NAME) is replaced
used      .container_spec.ports   of custom containers: the first, or another where it is taken
used      .container_spec.predict_route
used      .container_spec.health_route
refused   .container_spec.invoke_route_prefix
refused   .container_spec.grpc_ports
used      .container_spec.deployment_timeout   of custom containers
kept      .container_spec.shared_memory_size_mb
kept      .container_spec.startup_probe   health_route is asked
kept      .container_spec.health_probe   as startup_probe
kept      .container_spec.liveness_probe   a server that ended is started again
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
