tp_test(NAME server_rpc_test SRCS server_rpc_test.cc DEPS server_rpc LABELS rpc)
tp_test(NAME standby_server_test SRCS standby_server_test.cc DEPS server_rpc LABELS rpc)
