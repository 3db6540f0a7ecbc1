if(TPSWEEP_BENCH)
  find_package(benchmark REQUIRED)
  tp_binary(NAME coordinator_bench SRCS coordinator_bench.cc DEPS server_rpc benchmark::benchmark)
  tp_binary(NAME restart_bench SRCS restart_bench.cc
            DEPS server_store common_spec tpsweep_proto_grpc gRPC::grpc++)
  add_dependencies(restart_bench tpsweep-server)
endif()
