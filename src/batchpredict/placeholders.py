"""Values that Vertex AI Pipelines fills in when a run starts.

Source: the names are those that google-cloud-pipeline-components 2.22 and kfp.dsl use themselves.
"""

PROJECT = "{{$.pipeline_google_cloud_project_id}}"
LOCATION = "{{$.pipeline_google_cloud_location}}"
SERVICE_ACCOUNT = "{{$.pipeline_service_account}}"
ENCRYPTION_KEY = "{{$.pipeline_encryption_key_name}}"
RUN_ROOT = "{{$.pipeline_root}}/{{$.pipeline_job_name}}"
"""A folder of this run alone. Two jobs that share a prefix can overwrite each other's output."""
