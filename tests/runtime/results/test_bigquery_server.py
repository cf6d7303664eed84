"""A server on this machine that speaks as much of BigQuery's REST API as a reader needs."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PROJECT, DATASET = "my-project", "my_dataset"


def field(name, kind="STRING", mode="NULLABLE", fields=None):
    found = {"name": name, "type": kind, "mode": mode}
    return found if fields is None else {**found, "fields": fields}


def cell(value):
    """Return a value as the API sends it: texts in v, nested rows in f."""
    if isinstance(value, dict):
        return {"v": {"f": [cell(inner) for inner in value.values()]}}
    if isinstance(value, list):
        return {"v": [cell(inner) for inner in value]}
    if isinstance(value, bool):
        return {"v": str(value).lower()}
    return {"v": None if value is None else str(value)}


class Tables:
    """Tables by name; ``troubles`` are answers that come before the true ones."""

    def __init__(self):
        self.tables: dict[str, dict[str, Any]] = {}
        self.troubles: list[Any] = []
        self.asked: list[str] = []
        self.page = 2
        self.api = ""

    def add(self, name, fields, rows, **more):
        self.tables[name] = {
            "schema": {"fields": fields},
            "rows": [{"f": [cell(value) for value in row]} for row in rows],
            "numRows": str(len(rows)),
            "numBytes": "1234",
            "etag": "etag-1",
            "lastModifiedTime": "1700000000000",
            "tableReference": {"projectId": PROJECT, "datasetId": DATASET, "tableId": name},
            **more,
        }

    def answer(self, address):
        self.asked.append(address)
        if self.troubles:
            trouble = self.troubles.pop(0)
            if trouble is not None:
                return trouble
        parts = urlsplit(address)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        home = f"/bigquery/v2/projects/{PROJECT}/datasets/{DATASET}/tables"
        path = unquote(parts.path)
        if path == home:
            return 200, self.listed(query)
        name, _, data = path.removeprefix(home + "/").partition("/")
        table = self.tables.get(name)
        if table is None or not path.startswith(home):
            message = f"Not found: Table {PROJECT}:{DATASET}.{name}"
            return 404, {"error": {"code": 404, "message": message}}
        if data:
            return 200, self.rows(table, query)
        return 200, {key: value for key, value in table.items() if key != "rows"}

    def rows(self, table, query):
        at = int(query.get("pageToken", "t0")[1:])
        end = at + min(self.page, int(query.get("maxResults", 10**9)))
        page = {"totalRows": str(len(table["rows"])), "etag": "page"}
        if table["rows"][at:end]:
            page["rows"] = table["rows"][at:end]
        if end < len(table["rows"]):
            page["pageToken"] = f"t{end}"
        return page

    def listed(self, query):
        names = sorted(self.tables)
        at = int(query.get("pageToken", "0"))
        found = {"totalItems": len(names)}
        if names:
            references = [self.tables[n]["tableReference"] for n in names[at : at + self.page]]
            found["tables"] = [{"tableReference": reference} for reference in references]
        if at + self.page < len(names):
            found["nextPageToken"] = str(at + self.page)
        return found

    def __enter__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                status, content = outer.answer(self.path)
                if status == 0:
                    self.close_connection = True
                    return
                body = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.api = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
