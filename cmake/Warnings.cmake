# One list for all of our own code; generated code and system headers are exempt.
add_library(tpsweep_warnings INTERFACE)
target_compile_options(tpsweep_warnings INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>) # gcc 12 sees overlaps in std::string that are not there (PR 105651)

if(TPSWEEP_NATIVE)
  add_compile_options(-march=native)
endif()

if(TPSWEEP_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=address,undefined)
elseif(TPSWEEP_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=thread)
elseif(NOT TPSWEEP_SANITIZE STREQUAL "")
  message(FATAL_ERROR "TPSWEEP_SANITIZE is '${TPSWEEP_SANITIZE}'; legal: empty, address, thread")
endif()

if(TPSWEEP_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link) # so that libFuzzer sees which branches ran
endif()
