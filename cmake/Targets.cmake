# tp_library(NAME common_random SRCS random.cc DEPS absl::span)
# tp_binary(NAME tpsweep-server SRCS main.cc DEPS ...)
# tp_test(NAME common_random_test SRCS random_test.cc DEPS common_random LABELS unit)
#
# DEPS of a library are the rooms it may see: the link list says the layering
# a second time (tests/unit/layering_test says it over the include lines).

function(tp_library)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  if(ARG_SRCS)
    add_library(${ARG_NAME} STATIC ${ARG_SRCS})
    target_include_directories(${ARG_NAME} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(${ARG_NAME} PUBLIC ${ARG_DEPS} PRIVATE tpsweep_warnings)
  else()
    add_library(${ARG_NAME} INTERFACE)
    target_include_directories(${ARG_NAME} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${ARG_NAME} INTERFACE ${ARG_DEPS})
  endif()
endfunction()

function(tp_binary)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  target_include_directories(${ARG_NAME} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS} tpsweep_warnings)
endfunction()

# The tests that run under TSan: those free of gRPC, whose hand-offs TSan cannot see.
add_custom_target(tsan_tests)
# Those of them that run several threads: the label tsan_short, run every time.
add_custom_target(tsan_short_tests)
# The tests that start no other program.
add_custom_target(inprocess_tests)

# One executable, registered as one ctest test. LABELS: unit (free of gRPC, runs
# under TSan too), rpc, integration, ...
function(tp_test)
  cmake_parse_arguments(ARG "" "NAME;TIMEOUT" "SRCS;DEPS;LABELS;ARGS" ${ARGN})
  tp_binary(NAME ${ARG_NAME} SRCS ${ARG_SRCS} DEPS ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} ${ARG_ARGS})
  # A test is compiled more often than it runs.
  target_compile_options(${ARG_NAME} PRIVATE $<$<CONFIG:Release>:-O1>)
  if("unit" IN_LIST ARG_LABELS)
    add_dependencies(tsan_tests ${ARG_NAME})
  endif()
  if("tsan_short" IN_LIST ARG_LABELS)
    add_dependencies(tsan_short_tests ${ARG_NAME})
  endif()
  if(NOT "integration" IN_LIST ARG_LABELS)
    add_dependencies(inprocess_tests ${ARG_NAME})
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "TPSWEEP_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};TPSWEEP_SOURCE_DIR=${CMAKE_SOURCE_DIR};\
LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/lsan_suppressions.txt:print_suppressions=0")
endfunction()
