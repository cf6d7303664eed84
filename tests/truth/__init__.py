"""Random output directories of batch prediction jobs, and the truth about every row of them."""
