tp_test(NAME rule_conformance_test SRCS rule_conformance_test.cc DEPS trainer_core LABELS unit)
