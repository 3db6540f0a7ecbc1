if(TPSWEEP_BENCH)
  find_package(benchmark REQUIRED)
  tp_binary(NAME rule_step_bench SRCS rule_step_bench.cc DEPS trainer_core trainer_measure benchmark::benchmark)
  tp_binary(NAME evaluation_bench SRCS evaluation_bench.cc DEPS trainer_run benchmark::benchmark)
  tp_binary(NAME gait_step_bench SRCS gait_step_bench.cc DEPS trainer_core benchmark::benchmark)
  tp_binary(NAME inversion_bench SRCS inversion_bench.cc DEPS trainer_core benchmark::benchmark)
  tp_binary(NAME training_speed_bench SRCS training_speed_bench.cc
            DEPS worker_bench preset_training common_spec absl::str_format)
endif()
