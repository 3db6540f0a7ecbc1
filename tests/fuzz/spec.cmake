tp_fuzz(NAME spec_fuzz SRCS spec_fuzz.cc DEPS common_spec CORPUS corpus/spec)
