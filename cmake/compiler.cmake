# Language level, hardening, sanitizers, linker and compiler cache. Per-target flags are in thanos_targets.cmake.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
set(CMAKE_LINK_DEPENDS_NO_SHARED ON)

find_program(THANOS_CCACHE ccache)
if(THANOS_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The environment is passed on the command line so that plain `cmake --build` behaves like the scripts.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 ${THANOS_CCACHE})
endif()

find_program(THANOS_MOLD mold)
set(THANOS_LINK_OPTIONS -pie -Wl,--gc-sections -Wl,-z,relro,-z,now -Wl,--as-needed)
if(THANOS_MOLD)
  list(APPEND THANOS_LINK_OPTIONS -fuse-ld=mold)
endif()

set(THANOS_COMPILE_OPTIONS
    -march=x86-64-v2 -fPIE -Wall -Wextra -Wshadow -Wconversion -Werror
    -ffunction-sections -fdata-sections -fstack-protector-strong -fstack-clash-protection)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  list(APPEND THANOS_COMPILE_OPTIONS -Wthread-safety)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these on correct standard library code at -O2 (GCC bugs 105329, 105562, 80635).
  list(APPEND THANOS_COMPILE_OPTIONS -Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds -Wno-stringop-overread)
endif()
if(THANOS_SANITIZE)
  list(APPEND THANOS_COMPILE_OPTIONS -fsanitize=${THANOS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  list(APPEND THANOS_LINK_OPTIONS -fsanitize=${THANOS_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    list(APPEND THANOS_COMPILE_OPTIONS -fsanitize-ignorelist=${CMAKE_SOURCE_DIR}/cmake/sanitizer_ignore.txt)
  endif()
  if(THANOS_FUZZERS)
    # Coverage in all our code guides the fuzzer; only the fuzz executables link libFuzzer's main function.
    list(APPEND THANOS_COMPILE_OPTIONS -fsanitize=fuzzer-no-link)
  endif()
else()
  list(APPEND THANOS_COMPILE_OPTIONS $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
endif()
set(THANOS_COMPILE_DEFINITIONS _GLIBCXX_ASSERTIONS)
