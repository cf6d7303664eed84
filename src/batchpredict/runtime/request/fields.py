"""The inputs of a batch prediction request, and where each stands in the API."""


def request_fields() -> dict[str, tuple[str, str]]:
    """Return every input of a request, with its path in the API and its kind.

    Names are those of Google's ModelBatchPredictOp where it has one. ``allowed_values`` says what
    a kind takes. A path that ``preview_fields`` lists too is in v1beta1 only.

    Returns:
        ``(path, kind)`` by name; the path is in the spelling of REST, split by dots.
    """
    return {
        "job_display_name": ("displayName", "display name"),
        "model": ("model", "model"),
        "endpoint": ("endpoint", "endpoint"),
        "unmanaged_container_model": ("unmanagedContainerModel", "object"),
        **_input_fields(),
        **_output_fields(),
        **_machine_fields(),
        "service_account": ("serviceAccount", "service account"),
        "manual_batch_tuning_parameters_batch_size": (
            "manualBatchTuningParameters.batchSize",
            "count",
        ),
        "generate_explanation": ("generateExplanation", "flag"),
        "explanation_metadata": ("explanationSpec.metadata", "object"),
        "explanation_parameters": ("explanationSpec.parameters", "object"),
        "labels": ("labels", "labels"),
        "encryption_spec_key_name": ("encryptionSpec.kmsKeyName", "key"),
        "disable_container_logging": ("disableContainerLogging", "flag"),
        "model_monitoring_config": ("modelMonitoringConfig", "object"),
    }


def _input_fields() -> dict[str, tuple[str, str]]:
    source, instance = "inputConfig", "instanceConfig"
    return {
        "instances_format": (f"{source}.instancesFormat", "instances format"),
        "gcs_source_uris": (f"{source}.gcsSource.uris", "files"),
        "bigquery_source_input_uri": (f"{source}.bigquerySource.inputUri", "table"),
        "multimodal_source_dataset_name": (
            f"{source}.vertexMultimodalDatasetSource.datasetName",
            "dataset",
        ),
        "instance_type": (f"{instance}.instanceType", "instance type"),
        "key_field": (f"{instance}.keyField", "field"),
        "included_fields": (f"{instance}.includedFields", "fields"),
        "excluded_fields": (f"{instance}.excludedFields", "fields"),
        "model_parameters": ("modelParameters", "value"),
    }


def _output_fields() -> dict[str, tuple[str, str]]:
    target = "outputConfig"
    multimodal = f"{target}.vertexMultimodalDatasetDestination"
    return {
        "predictions_format": (f"{target}.predictionsFormat", "predictions format"),
        "gcs_destination_output_uri_prefix": (
            f"{target}.gcsDestination.outputUriPrefix",
            "folder",
        ),
        "bigquery_destination_output_uri": (
            f"{target}.bigqueryDestination.outputUri",
            "table or dataset",
        ),
        "multimodal_destination_bigquery_uri": (
            f"{multimodal}.bigqueryDestination.outputUri",
            "table or dataset",
        ),
        "multimodal_destination_display_name": (f"{multimodal}.displayName", "display name"),
    }


def _machine_fields() -> dict[str, tuple[str, str]]:
    resources = "dedicatedResources"
    machine = f"{resources}.machineSpec"
    affinity = f"{machine}.reservationAffinity"
    return {
        "machine_type": (f"{machine}.machineType", "machine"),
        "accelerator_type": (f"{machine}.acceleratorType", "accelerator"),
        "accelerator_count": (f"{machine}.acceleratorCount", "count"),
        "gpu_partition_size": (f"{machine}.gpuPartitionSize", "partition"),
        "tpu_topology": (f"{machine}.tpuTopology", "topology"),
        "multihost_gpu_node_count": (f"{machine}.multihostGpuNodeCount", "count"),
        "min_gpu_driver_version": (f"{machine}.minGpuDriverVersion", "version"),
        "reservation_affinity_type": (f"{affinity}.reservationAffinityType", "reservation"),
        "reservation_affinity_key": (f"{affinity}.key", "reservation key"),
        "reservation_affinity_values": (f"{affinity}.values", "reservation names"),
        "starting_replica_count": (f"{resources}.startingReplicaCount", "count"),
        "max_replica_count": (f"{resources}.maxReplicaCount", "count"),
        "spot": (f"{resources}.spot", "flag"),
        "flex_start_max_runtime_duration": (
            f"{resources}.flexStart.maxRuntimeDuration",
            "duration",
        ),
    }


def preview_fields() -> list[str]:
    """Return the inputs that only the preview of the API, v1beta1, has."""
    return [
        "endpoint",
        "multihost_gpu_node_count",
        "min_gpu_driver_version",
        "spot",
        "flex_start_max_runtime_duration",
        "model_monitoring_config",
    ]
