"""The parts of BigQuery put together."""

from collections.abc import Callable
from pathlib import Path

from batchpredict.local.bigquery.datasets import DatasetApi
from batchpredict.local.bigquery.jobs import JobApi
from batchpredict.local.bigquery.projects import ProjectApi
from batchpredict.local.bigquery.queries import QueryApi
from batchpredict.local.bigquery.tabledata import TableDataApi
from batchpredict.local.bigquery.tables import TableApi
from batchpredict.local.bigquery.uploads import UploadApi
from batchpredict.local.bigquery.warehouse import Warehouse
from batchpredict.local.storage.objects import ObjectStore


class BigQueryService:
    """Everything behind the API.

    Attributes:
        warehouse: The tables.
        routes: The methods.
        uploads: The methods below ``/upload``.
        recovered: How many jobs an earlier session had left unfinished.
    """

    def __init__(self, root: Path, store: ObjectStore, clock: Callable[[], float]) -> None:
        self.warehouse = Warehouse(root, clock)
        with self.warehouse.writing() as catalogue:
            catalogue.drop_expired()
        self._jobs = JobApi(self.warehouse, store)
        apis = (
            ProjectApi(),
            DatasetApi(self.warehouse),
            TableApi(self.warehouse),
            TableDataApi(self.warehouse),
            self._jobs,
            QueryApi(self.warehouse, self._jobs),
        )
        self.routes = [route for api in apis for route in api.routes()]
        self.uploads = UploadApi(self.warehouse, self._jobs).routes()
        self.recovered = self._jobs.recovered

    def close(self) -> None:
        """Stop the jobs and let go of the file."""
        self._jobs.close()
        self.warehouse.close()
