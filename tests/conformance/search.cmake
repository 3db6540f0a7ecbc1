tp_test(NAME sampler_conformance_test SRCS sampler_conformance_test.cc
        DEPS server_search LABELS unit TIMEOUT 900)
