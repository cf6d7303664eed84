"""The fields of the requests of PipelineService; ``fields`` explains the words."""

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
set       .job_detail.pipeline_context
set       .job_detail.pipeline_run_context
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
empty     .schedule_name   unless a schedule made the job
kept      .preflight_validations
"""
