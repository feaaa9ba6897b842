# Compiler and linker flags of our own code: the target cicada_flags. Third-party sources do not get it.
add_library(cicada_flags INTERFACE)
target_include_directories(cicada_flags INTERFACE "${PROJECT_SOURCE_DIR}/src")
target_compile_definitions(cicada_flags INTERFACE _GNU_SOURCE CICADA_VERSION="${PROJECT_VERSION}")
target_compile_options(cicada_flags INTERFACE
    -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wold-style-definition -Wswitch-enum -Wpointer-arith -Wcast-qual -Wvla
    -Wundef -Wformat=2 -Wwrite-strings -fno-common -fno-strict-aliasing)

# Assertions stay in release builds: a broken contract must not become a wrong number.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
string(REPLACE "-O3" "-O2" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")

if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(cicada_flags INTERFACE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -g)
    target_link_options(cicada_flags INTERFACE -Wl,-z,relro,-z,now)
endif()

if(CICADA_SANITIZE)
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
endif()
if(CICADA_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(CICADA_COVERAGE)
    add_compile_options(--coverage)
    add_link_options(--coverage)
endif()
