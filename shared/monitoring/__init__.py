"""What Prometheus and Grafana are told: a dashboard and alert rules, as files."""
