if(TPSWEEP_BENCH)
  find_package(benchmark REQUIRED)
  tp_binary(NAME store_bench SRCS store_bench.cc DEPS server_store fake_postgres benchmark::benchmark)
endif()
