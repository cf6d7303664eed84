"""The fields of the requests of EndpointService; ``fields`` explains the words."""

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
refused   .dedicated_endpoint_enabled   its address is not under googleapis.com
empty     .dedicated_endpoint_dns
used      .client_connection_config.inference_timeout   without it 600 s
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
kept      .explanation_spec   Explain goes by it; what it lacks is the model's
kept      .disable_explanations   Explain is then refused
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
