tp_fuzz(NAME coordinator_fuzz SRCS coordinator_fuzz.cc DEPS server_coordinator CORPUS corpus/coordinator)
