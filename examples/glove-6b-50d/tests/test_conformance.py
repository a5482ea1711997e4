from pluxel.core.conformance import conformance

test_conformance = conformance("pluxel-glove-6b-50d")
