"""The fields of the requests that make nothing; ``fields`` explains the words."""

_NAMES = """
GetModel                          name
ListModels                        parent filter page_size page_token read_mask order_by
ListModelVersions                 name filter page_size page_token read_mask order_by
UpdateModel                       model update_mask
DeleteModel                       name
DeleteModelVersion                name
MergeVersionAliases               name version_aliases
GetEndpoint                       name
ListEndpoints                     parent filter page_size page_token read_mask order_by
UpdateEndpoint                    endpoint update_mask
UpdateEndpointLongRunning         endpoint
DeleteEndpoint                    name
UndeployModel                     endpoint deployed_model_id traffic_split
MutateDeployedModel               endpoint deployed_model update_mask
Predict                           endpoint instances parameters
RawPredict                        endpoint http_body
Explain                           endpoint instances parameters explanation_spec_override
Explain                           deployed_model_id
GetBatchPredictionJob             name
ListBatchPredictionJobs           parent filter page_size page_token read_mask
DeleteBatchPredictionJob          name
CancelBatchPredictionJob          name
GetCustomJob                      name
ListCustomJobs                    parent filter page_size page_token read_mask
DeleteCustomJob                   name
CancelCustomJob                   name
GetHyperparameterTuningJob        name
ListHyperparameterTuningJobs      parent filter page_size page_token read_mask
DeleteHyperparameterTuningJob     name
CancelHyperparameterTuningJob     name
GetTrainingPipeline               name
ListTrainingPipelines             parent filter page_size page_token read_mask
DeleteTrainingPipeline            name
CancelTrainingPipeline            name
GetPipelineJob                    name
ListPipelineJobs                  parent filter page_size page_token read_mask order_by
DeletePipelineJob                 name
CancelPipelineJob                 name
GetSchedule                       name
ListSchedules                     parent filter page_size page_token order_by
UpdateSchedule                    schedule update_mask
DeleteSchedule                    name
PauseSchedule                     name
ResumeSchedule                    name catch_up
GetMetadataStore                  name
ListMetadataStores                parent
GetContext                        name
ListContexts                      parent filter page_size page_token order_by
QueryContextLineageSubgraph       context
GetExecution                      name
ListExecutions                    parent filter page_size page_token order_by
QueryExecutionInputsAndOutputs    execution
GetArtifact                       name
ListArtifacts                     parent filter page_size page_token order_by
QueryArtifactLineageSubgraph      artifact max_hops
"""
_UNUSED = {
    "Predict": ["ignored labels   Vertex AI bills by them"],
    "ListMetadataStores": ["ignored page_size   there is one store", "ignored page_token"],
    "QueryArtifactLineageSubgraph": ["refused filter"],
}


def _lines() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in _NAMES.strip().splitlines():
        method, *names = line.split()
        found.setdefault(method, []).extend(f"used {name}" for name in names)
    return {method: lines + _UNUSED.get(method, []) for method, lines in found.items()}


OTHERS = {method: "\n".join(lines) for method, lines in _lines().items()}
"""The text of each emulated method that makes nothing."""
