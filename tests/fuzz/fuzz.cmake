# tp_fuzz(NAME idx_fuzz SRCS idx_fuzz.cc DEPS trainer_data CORPUS corpus/idx)
#
# SRCS define LLVMFuzzerTestOneInput (property.h). Under TPSWEEP_FUZZ it is a
# libFuzzer binary, which the test runs for a few seconds; otherwise fuzz_main.cc
# runs the property over the corpus and fixed mutations of it.
add_custom_target(fuzz_targets)

function(tp_fuzz)
  cmake_parse_arguments(ARG "" "NAME;CORPUS" "SRCS;DEPS" ${ARGN})
  set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_CORPUS})
  if(TPSWEEP_FUZZ)
    tp_binary(NAME ${ARG_NAME} SRCS ${ARG_SRCS} DEPS ${ARG_DEPS})
    target_link_options(${ARG_NAME} PRIVATE -fsanitize=fuzzer)
    set(found ${CMAKE_CURRENT_BINARY_DIR}/${ARG_NAME}_found)
    file(MAKE_DIRECTORY ${found})
    add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} -max_total_time=20 -timeout=10
             -artifact_prefix=${found}/ ${found} ${corpus})
  else()
    tp_binary(NAME ${ARG_NAME} SRCS ${ARG_SRCS} ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_main.cc
              DEPS ${ARG_DEPS} common_base)
    add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} ${corpus})
  endif()
  add_dependencies(fuzz_targets ${ARG_NAME})
  add_dependencies(inprocess_tests ${ARG_NAME})
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS fuzz TIMEOUT 120)
endfunction()
