"""Cloud Storage on this machine: an object of a bucket is a plain file."""
