tp_fuzz(NAME spool_fuzz SRCS spool_fuzz.cc DEPS worker_agent ZLIB::ZLIB CORPUS corpus/spool)
