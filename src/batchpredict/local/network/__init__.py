"""Bring Google clients to the services on this machine: proxy, certificates, HTTP, gRPC."""
