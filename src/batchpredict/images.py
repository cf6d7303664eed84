"""Container images and package pins of every step, in one place."""

PYTHON = "python:3.11-slim"
"""Image of our Python steps. KFP installs the packages below into it when a step starts."""

# Bounds, not exact versions, where the result does not depend on it: a local run checks them
# against what is installed here, and one environment has to satisfy every step.
DUCKDB = "duckdb>=2,<3"
GOOGLE_AUTH = "google-auth>=2.30,<3"
JINJA2 = "jinja2>=3.1.6,<4"
JOBLIB = "joblib>=1.4,<2"
JSONSCHEMA = "jsonschema>=4.18,<5"
MATPLOTLIB = "matplotlib>=3.10,<4"
NUMPY = "numpy>=2,<2.5"
PYYAML = "PyYAML>=6,<7"
REQUESTS = "requests>=2.32,<3"
SCIKIT_LEARN = "scikit-learn>=1.6.1,<1.7"
SCIPY = "scipy>=1.13,<1.16"  # later ones warn about what scikit-learn 1.6 passes to them
TFRECORD = "tfrecord>=1.14.6,<2"
XGBOOST = "xgboost-cpu>=2.1,<2.2"

# The newest prebuilt prediction containers. The packages that train must be of the same minor
# version: a model of scikit-learn 1.9 does not load in 1.6, and one of XGBoost 3.1 gives wrong
# numbers in 2.1 without a warning.
# Source: https://cloud.google.com/vertex-ai/docs/predictions/pre-built-containers
SKLEARN_SERVING = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest"
XGBOOST_SERVING = "us-docker.pkg.dev/vertex-ai/prediction/xgboost-cpu.2-1:latest"
