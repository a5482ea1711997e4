from pluxel.core.conformance import conformance

test_conformance = conformance("acme-seg")
