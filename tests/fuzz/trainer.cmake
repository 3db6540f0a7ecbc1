tp_fuzz(NAME safetensors_fuzz SRCS safetensors_fuzz.cc DEPS trainer_data CORPUS corpus/safetensors)
tp_fuzz(NAME idx_fuzz SRCS idx_fuzz.cc DEPS trainer_data ZLIB::ZLIB CORPUS corpus/idx)
tp_fuzz(NAME checkpoint_fuzz SRCS checkpoint_fuzz.cc DEPS trainer_run ZLIB::ZLIB CORPUS corpus/checkpoint)
