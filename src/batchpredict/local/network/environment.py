"""The environment that leads every Google client of a process to the services on this machine."""

import os
from collections.abc import Mapping
from pathlib import Path

KEPT = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TZ", "USER")
"""What a step inherits from the shell. Credentials, proxies and PYTHON* settings are not in it."""


def client_environment(
    *, proxy_port: int, metadata_port: int, authority: Path, empty_folder: Path, project: str
) -> dict[str, str]:
    """Return the variables that redirect gRPC, requests, httpx, urllib and curl, and nothing else.

    Credentials come from the emulated metadata server, as on Vertex AI, so that
    ``google.auth.default()`` yields a token that is worth nothing anywhere else. google-auth reads
    the metadata host at import: set these before Python starts.

    Args:
        proxy_port: Port of the CONNECT proxy on 127.0.0.1.
        metadata_port: Port of the plain HTTP services on 127.0.0.1.
        authority: PEM file of the throwaway certificate authority.
        empty_folder: A folder without a gcloud configuration.
        project: Project that clients find when the caller names none.

    Returns:
        Variables to add to an environment that was built by :func:`scrubbed`.
    """
    proxy = f"http://127.0.0.1:{proxy_port}"
    metadata = f"127.0.0.1:{metadata_port}"
    loopback = "127.0.0.1,localhost"
    proxies = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy")
    bundles = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    return {
        **dict.fromkeys((*proxies, "grpc_proxy"), proxy),
        **dict.fromkeys(("NO_PROXY", "no_proxy", "no_grpc_proxy"), loopback),
        **dict.fromkeys((*bundles, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"), str(authority)),
        **dict.fromkeys(("GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP"), metadata),
        "CLOUDSDK_CONFIG": str(empty_folder),
        "GOOGLE_API_USE_CLIENT_CERTIFICATE": "false",
        "GOOGLE_CLOUD_PROJECT": project,
        "CLOUD_ML_PROJECT_ID": project,
        "GRPC_VERBOSITY": "ERROR",
    }


def scrubbed(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the few harmless variables of ``environment`` (default: this process's own)."""
    source = os.environ if environment is None else environment
    return {name: source[name] for name in KEPT if name in source}
