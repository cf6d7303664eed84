"""The fields of the requests for custom and tuning jobs; ``fields`` explains the words."""

import re

CREATE_CUSTOM_JOB = """
used      parent
set       .name
used      .display_name
refused   .job_spec.persistent_resource_id
kept      .job_spec.worker_pool_specs.machine_spec   every replica is a process of this machine
used      .job_spec.worker_pool_specs.container_spec.image_uri   stands for the environment here
used      .job_spec.worker_pool_specs.container_spec.command   else that of images.toml
used      .job_spec.worker_pool_specs.container_spec.args
used      .job_spec.worker_pool_specs.container_spec.env   names and values
used      .job_spec.worker_pool_specs.python_package_spec.executor_image_uri   as image_uri
used      .job_spec.worker_pool_specs.python_package_spec.package_uris   wheels, source archives
used      .job_spec.worker_pool_specs.python_package_spec.python_module
used      .job_spec.worker_pool_specs.python_package_spec.args
used      .job_spec.worker_pool_specs.python_package_spec.env   names and values
used      .job_spec.worker_pool_specs.replica_count   at most 8 in all
refused   .job_spec.worker_pool_specs.nfs_mounts
refused   .job_spec.worker_pool_specs.lustre_mounts
kept      .job_spec.worker_pool_specs.disk_spec
used      .job_spec.scheduling.timeout   a job that takes longer is FAILED
kept      .job_spec.scheduling.restart_job_on_worker_restart   no worker is restarted
kept      .job_spec.scheduling.strategy
kept      .job_spec.scheduling.disable_retries   nothing is tried again
kept      .job_spec.scheduling.max_wait_duration
kept      .job_spec.service_account
kept      .job_spec.network
kept      .job_spec.reserved_ip_ranges
kept      .job_spec.psc_interface_config
used      .job_spec.base_output_directory.output_uri_prefix
kept      .job_spec.protected_artifact_location_id
refused   .job_spec.tensorboard
kept      .job_spec.enable_web_access   there is no shell to be had
kept      .job_spec.enable_dashboard_access
refused   .job_spec.experiment
refused   .job_spec.experiment_run
refused   .job_spec.models
set       .state
set       .create_time
set       .start_time
set       .end_time
set       .update_time
set       .error
used      .labels
kept      .encryption_spec
empty     .web_access_uris
empty     .satisfies_pzs
empty     .satisfies_pzi
"""

_TRIAL = "\n".join(
    re.sub(r" \.job_spec\.", " .trial_job_spec.", line)
    for line in CREATE_CUSTOM_JOB.splitlines()
    if " .job_spec." in line
)

CREATE_TUNING_JOB = f"""
used      parent
set       .name
used      .display_name
refused   .study_spec.decay_curve_stopping_spec
refused   .study_spec.median_automated_stopping_spec
refused   .study_spec.convex_automated_stopping_spec
used      .study_spec.metrics.metric_id   one metric
used      .study_spec.metrics.goal
refused   .study_spec.metrics.safety_config
used      .study_spec.parameters.double_value_spec   min_value and max_value
used      .study_spec.parameters.integer_value_spec   min_value and max_value
used      .study_spec.parameters.categorical_value_spec   values
used      .study_spec.parameters.discrete_value_spec   values
used      .study_spec.parameters.parameter_id
used      .study_spec.parameters.scale_type
refused   .study_spec.parameters.conditional_parameter_specs
used      .study_spec.algorithm   unless GRID_SEARCH, trials are random and learn nothing
kept      .study_spec.observation_noise
used      .study_spec.measurement_selection_type
refused   .study_spec.study_stopping_config
used      .max_trial_count
used      .parallel_trial_count   at most 8
used      .max_failed_trial_count   with 0, a job fails when all its trials have
{_TRIAL}
set       .trials
set       .state
set       .create_time
set       .start_time
set       .end_time
set       .update_time
set       .error
used      .labels   of the job and of its custom jobs
kept      .encryption_spec
empty     .satisfies_pzs
empty     .satisfies_pzi
"""
