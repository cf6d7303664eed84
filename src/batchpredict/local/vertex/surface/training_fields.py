"""The fields of the requests for training pipelines; ``fields`` explains the words."""

import re

from batchpredict.local.vertex.surface.model_fields import UPLOAD_MODEL

_MODEL = re.sub(
    r"^(\w+ +)\.",
    r"\1.model_to_upload.",
    "\n".join(
        line if ".artifact_uri" not in line else "set       .artifact_uri   where the model is"
        for line in UPLOAD_MODEL.strip().splitlines()
        if " ." in line
    ),
    flags=re.MULTILINE,
)

CREATE_TRAINING_PIPELINE = f"""
used      parent
set       .name
used      .display_name
refused   .input_data_config
used      .training_task_definition   custom_task_1.0.0.yaml only
used      .training_task_inputs   a CustomJobSpec, see CreateCustomJob
set       .training_task_metadata   with backingCustomJob
{_MODEL}
used      .model_id
used      .parent_model
set       .state
set       .error
set       .create_time
set       .start_time
set       .end_time
set       .update_time
used      .labels   of the pipeline and of its custom job
kept      .encryption_spec
"""
