if(TPSWEEP_BENCH)
  find_package(benchmark REQUIRED)
  tp_binary(NAME rule_step_bench SRCS rule_step_bench.cc DEPS trainer_core trainer_measure benchmark::benchmark)
endif()
