# Fits thousands of models: not among the tests that every run repeats under the sanitizers.
tp_test(NAME sampler_conformance_test SRCS sampler_conformance_test.cc
        DEPS server_search LABELS integration)
