tp_test(NAME store_conformance_test
        SRCS store_conformance_test.cc store_pages_conformance_test.cc store_model_test.cc store_threads_test.cc store_engines.cc
        DEPS server_store fake_postgres Threads::Threads LABELS unit)
tp_test(NAME checkpoint_store_conformance_test SRCS checkpoint_store_conformance_test.cc
        DEPS server_store fake_postgres LABELS unit)
