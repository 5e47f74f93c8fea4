"""What is counted of requests is what the client library of Prometheus would have counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from web.health import BOUNDS, Metrics

SECONDS = st.one_of(st.floats(0, 20), st.sampled_from(BOUNDS))
REQUESTS = st.tuples(
    st.sampled_from(("/drs", "other")), st.sampled_from(("GET", "POST")), st.sampled_from((200, 404)), SECONDS
)


@given(st.lists(REQUESTS, max_size=30))
def test_sums_are_those_of_the_client_library(requests: list[tuple[str, str, int, float]]) -> None:
    metrics, registry = Metrics(("/drs",)), CollectorRegistry()
    counter = Counter("gsanode_requests", "Requests answered.", ("area", "method", "status"), registry=registry)
    histogram = Histogram("gsanode_request_seconds", "Time to answer.", ("area",), registry=registry)
    for area, method, status, seconds in requests:
        metrics.observe(area, method, status, seconds)
        counter.labels(area, method, str(status)).inc()
        histogram.labels(area).observe(seconds)
    assert samples(metrics.registry) == samples(registry)


def samples(registry: CollectorRegistry) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Values by name and labels, without those of the process and the moments at which counters were made."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
        if sample.name.startswith("gsanode_") and not sample.name.endswith("_created")
    }
