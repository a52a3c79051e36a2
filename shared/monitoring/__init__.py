"""Prometheus alerts and a Grafana dashboard."""
