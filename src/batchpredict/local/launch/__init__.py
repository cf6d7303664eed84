"""Start the commands of steps and model servers, warm or cold, in a private sandbox."""
