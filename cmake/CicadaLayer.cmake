# cicada_layer(NAME SOURCES a.c b.c LINK cicada_base third::party)
# One static library a layer: cicada_NAME. LINK names the layers below it, so that a wrong include fails to link
# as well as in tools/check-layers.
function(cicada_layer name)
    cmake_parse_arguments(LAYER "" "" "SOURCES;LINK" ${ARGN})
    add_library(cicada_${name} STATIC ${LAYER_SOURCES})
    target_link_libraries(cicada_${name} PRIVATE cicada_flags PUBLIC ${LAYER_LINK})
endfunction()

# cicada_unit_test(test_thing LINK cicada_layer)
# One cmocka program from tests/unit/test_thing.c, run by ctest with the label "unit".
function(cicada_unit_test name)
    cmake_parse_arguments(TEST "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${name}.c ${TEST_SOURCES})
    target_link_libraries(${name} PRIVATE cicada_flags ${TEST_LINK} PkgConfig::CMOCKA)
    add_test(NAME unit/${name} COMMAND ${name})
    set_tests_properties(unit/${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

# cicada_fuzz_target(fuzz_thing LINK cicada_layer)
# With the preset "fuzz" a libFuzzer program; otherwise one that replays fuzz/corpus/fuzz_thing, run by ctest
# with the label "corpus".
function(cicada_fuzz_target name)
    cmake_parse_arguments(FUZZ "" "" "LINK" ${ARGN})
    if(CICADA_FUZZ)
        add_executable(${name} ${name}.c)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    else()
        add_executable(${name} ${name}.c replay.c)
        add_test(NAME corpus/${name} COMMAND ${name} "${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name}")
        set_tests_properties(corpus/${name} PROPERTIES LABELS corpus TIMEOUT 120)
    endif()
    target_link_libraries(${name} PRIVATE cicada_flags ${FUZZ_LINK})
endfunction()
