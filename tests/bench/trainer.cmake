if(TPSWEEP_BENCH)
  find_package(benchmark REQUIRED)
  tp_binary(NAME rule_step_bench SRCS rule_step_bench.cc DEPS trainer_core trainer_measure worker_allocator benchmark::benchmark)
  tp_binary(NAME evaluation_bench SRCS evaluation_bench.cc DEPS trainer_run worker_allocator benchmark::benchmark)
  tp_binary(NAME gait_step_bench SRCS gait_step_bench.cc DEPS trainer_core worker_allocator benchmark::benchmark)
  tp_binary(NAME inversion_bench SRCS inversion_bench.cc DEPS trainer_core worker_allocator benchmark::benchmark)
  tp_binary(NAME training_speed_bench SRCS training_speed_bench.cc
            DEPS worker_bench worker_allocator preset_training common_spec absl::str_format)
endif()
