if(TPSWEEP_BENCH)
  find_package(benchmark REQUIRED)
  tp_binary(NAME coordinator_bench SRCS coordinator_bench.cc DEPS server_rpc benchmark::benchmark)
endif()
