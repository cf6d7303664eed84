"""What happens to each field of a batch prediction job; the words are those of ``fields``."""

CREATE_BATCH_PREDICTION_JOB = """
used      parent
set       .name
used      .display_name
used      .model
set       .model_version_id
used      .unmanaged_container_model.artifact_uri
kept      .unmanaged_container_model.predict_schemata
used      .unmanaged_container_model.container_spec   as of UploadModel
used      .input_config.gcs_source.uris
used      .input_config.bigquery_source.input_uri
refused   .input_config.vertex_multimodal_dataset_source
used      .input_config.instances_format   jsonl, csv, bigquery, file-list, tf-record(-gzip)
used      .instance_config.instance_type
used      .instance_config.key_field
used      .instance_config.included_fields
used      .instance_config.excluded_fields
used      .model_parameters
used      .output_config.gcs_destination.output_uri_prefix
used      .output_config.bigquery_destination.output_uri
refused   .output_config.vertex_multimodal_dataset_destination
used      .output_config.predictions_format   jsonl, csv, bigquery
used      .dedicated_resources.machine_spec.machine_type   required, and kept
kept      .dedicated_resources.machine_spec.accelerator_type
kept      .dedicated_resources.machine_spec.accelerator_count
kept      .dedicated_resources.machine_spec.gpu_partition_size
kept      .dedicated_resources.machine_spec.tpu_topology
kept      .dedicated_resources.machine_spec.reservation_affinity
used      .dedicated_resources.starting_replica_count   for resources_consumed
kept      .dedicated_resources.max_replica_count
kept      .service_account
used      .manual_batch_tuning_parameters.batch_size
used      .generate_explanation
used      .explanation_spec   sampled Shapley values
set       .output_info.gcs_output_directory
set       .output_info.bigquery_output_dataset
empty     .output_info.vertex_multimodal_dataset_name
set       .output_info.bigquery_output_table
set       .state
set       .error
set       .partial_failures
set       .resources_consumed
set       .completion_stats
set       .create_time
set       .start_time
set       .end_time
set       .update_time
used      .labels
kept      .encryption_spec
kept      .disable_container_logging
empty     .satisfies_pzs
empty     .satisfies_pzi
"""
