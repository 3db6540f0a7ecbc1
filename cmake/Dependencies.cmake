# Everything comes from Debian packages (deploy/install-deps.sh installs them).
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(Protobuf 3.21 REQUIRED) # module mode: Debian ships no protobuf-config.cmake
set(c-ares_FIND_QUIETLY ON)
find_package(gRPC 1.51 CONFIG REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(Eigen3 3.4 CONFIG REQUIRED)
# For everything that has matrices, or they could not be given from one to the other. Whole cache
# lines, so that no vector of AVX-512 lies across two of them; threads are the trainer's own.
target_compile_definitions(Eigen3::Eigen INTERFACE EIGEN_MAX_ALIGN_BYTES=64 EIGEN_DONT_PARALLELIZE)
find_package(yaml-cpp CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto SSL)
find_package(SQLite3 REQUIRED)
find_package(PostgreSQL 14 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Boost 1.74 CONFIG REQUIRED) # headers only: the distribution functions of Boost.Math
find_package(GTest REQUIRED)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)

# Not by its CMake package, which asks for command-line tools that are in other
# Debian packages.
find_library(LIBZIP_LIBRARY zip REQUIRED)
find_path(LIBZIP_INCLUDE_DIR zip.h REQUIRED)
add_library(tpsweep_libzip INTERFACE)
target_include_directories(tpsweep_libzip SYSTEM INTERFACE ${LIBZIP_INCLUDE_DIR})
target_link_libraries(tpsweep_libzip INTERFACE ${LIBZIP_LIBRARY})

# Unpacks gzip three times as fast as zlib.
find_library(ISAL_LIBRARY isal REQUIRED)
find_path(ISAL_INCLUDE_DIR isa-l/igzip_lib.h REQUIRED)
add_library(tpsweep_isal INTERFACE)
target_include_directories(tpsweep_isal SYSTEM INTERFACE ${ISAL_INCLUDE_DIR})
target_link_libraries(tpsweep_isal INTERFACE ${ISAL_LIBRARY})

# The allocator of programs that train (worker/allocator.cc).
find_library(JEMALLOC_LIBRARY jemalloc REQUIRED)

# The serial OpenBLAS: the trainer brings its own threads. Static, so that the
# numbers do not depend on which BLAS a machine has chosen with alternatives.
find_library(OPENBLAS_LIBRARY NAMES libopenblas.a
             PATH_SUFFIXES openblas-serial x86_64-linux-gnu/openblas-serial REQUIRED)
find_path(OPENBLAS_INCLUDE_DIR cblas.h
          PATH_SUFFIXES openblas-serial x86_64-linux-gnu/openblas-serial REQUIRED)
add_library(tpsweep_openblas INTERFACE)
target_include_directories(tpsweep_openblas SYSTEM INTERFACE ${OPENBLAS_INCLUDE_DIR})
target_link_libraries(tpsweep_openblas INTERFACE ${OPENBLAS_LIBRARY} gfortran Threads::Threads)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()
find_program(LLD ld.lld)
if(LLD)
  add_link_options(-fuse-ld=lld)
endif()
