"""The fields of the requests of ScheduleService; ``fields`` explains the words."""

import re

from batchpredict.local.vertex.surface.pipeline_fields import CREATE_PIPELINE_JOB

_JOB = re.sub(
    r"^(\w+ +)\.",
    r"\1.create_pipeline_job_request.pipeline_job.",
    "\n".join(line for line in CREATE_PIPELINE_JOB.strip().splitlines() if " ." in line),
    flags=re.MULTILINE,
)

CREATE_SCHEDULE = f"""
used      parent
used      .cron   five fields, with TZ= or CRON_TZ= before them
used      .create_pipeline_job_request.parent   the location of the schedule
refused   .create_pipeline_job_request.pipeline_job_id   each run has an identifier of its own
{_JOB}
refused   .create_notebook_execution_job_request
set       .name
used      .display_name
used      .start_time
used      .end_time
used      .max_run_count
set       .started_run_count
set       .state
set       .create_time
set       .update_time
set       .next_run_time
set       .last_pause_time
set       .last_resume_time
kept      .max_concurrent_run_count   at least 1; a request to start a run takes no time here
used      .max_concurrent_active_run_count
used      .allow_queueing
set       .catch_up
set       .last_scheduled_run_response
"""
