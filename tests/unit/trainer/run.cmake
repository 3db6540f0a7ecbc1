# data sets and the training run
tp_test(NAME trainer_safetensors_test SRCS safetensors_test.cc DEPS trainer_data LABELS unit)
tp_test(NAME trainer_idx_test SRCS idx_test.cc DEPS trainer_data ZLIB::ZLIB LABELS unit)
tp_test(NAME trainer_data_formats_test
        SRCS cifar10_test.cc csv_test.cc npy_test.cc npz_test.cc generated_test.cc
        DEPS trainer_data ZLIB::ZLIB LABELS unit)
tp_test(NAME trainer_data_set_test SRCS data_set_test.cc DEPS trainer_data ZLIB::ZLIB
        LABELS unit tsan_short)
tp_test(NAME trainer_split_test SRCS split_test.cc DEPS trainer_data LABELS unit)
tp_test(NAME trainer_schedule_test SRCS schedule_test.cc DEPS trainer_run LABELS unit)
# training_run_harness.h is what the tests of whole runs share.
tp_test(NAME trainer_training_run_test SRCS training_run_test.cc DEPS trainer_run ZLIB::ZLIB
        LABELS unit tsan_short)
tp_test(NAME trainer_data_run_test SRCS data_run_test.cc DEPS trainer_run ZLIB::ZLIB LABELS unit)
tp_test(NAME trainer_schedule_run_test SRCS schedule_run_test.cc DEPS trainer_run ZLIB::ZLIB
        LABELS unit)
tp_test(NAME trainer_gait_run_test SRCS gait_run_test.cc DEPS trainer_run ZLIB::ZLIB LABELS unit)
tp_test(NAME trainer_inversion_run_test SRCS inversion_run_test.cc DEPS trainer_run ZLIB::ZLIB
        LABELS unit)
tp_test(NAME trainer_reporting_test SRCS reporting_test.cc DEPS trainer_run ZLIB::ZLIB LABELS unit)
tp_test(NAME trainer_train_command_test
        SRCS train_command_test.cc ${CMAKE_SOURCE_DIR}/worker/train_command.cc
        DEPS trainer_run common_spec nlohmann_json::nlohmann_json absl::str_format ZLIB::ZLIB LABELS unit)
tp_test(NAME toy_test SRCS toy_test.cc DEPS worker_toy LABELS unit)
# A program of its own, because it counts every allocation.
tp_test(NAME trainer_allocation_test SRCS allocation_test.cc DEPS trainer_run ZLIB::ZLIB LABELS unit)
