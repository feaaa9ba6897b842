# The tests of src/report: golden files stand in tests/golden, and docs/result.schema.json holds the samples that
# test_report_json writes.
cicada_unit_test(test_report_hdr LINK cicada_report PkgConfig::ZLIB)
cicada_unit_test(test_report_json SOURCES report_sample.c rows_sample.c LINK cicada_report PkgConfig::JANSSON)
cicada_unit_test(test_report_limit SOURCES limit_sample.c LINK cicada_report m)
cicada_unit_test(test_report_live SOURCES report_sample.c rows_sample.c LINK cicada_report)
cicada_unit_test(test_report_summary SOURCES report_sample.c rows_sample.c LINK cicada_report)
cicada_unit_test(test_report_storms LINK cicada_report)
cicada_unit_test(test_report_locust SOURCES rows_sample.c LINK cicada_report PkgConfig::JANSSON)
set_tests_properties(unit/test_report_summary unit/test_report_locust PROPERTIES WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")

# Some systems have more than one Python 3; the module belongs to the system's own.
set(python_with_jsonschema "")
foreach(python python3 /usr/bin/python3)
    if(NOT python_with_jsonschema)
        execute_process(COMMAND ${python} -c "import jsonschema" RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
        if(status EQUAL 0)
            set(python_with_jsonschema ${python})
        endif()
    endif()
endforeach()
if(python_with_jsonschema)
    set(sample "${CMAKE_CURRENT_BINARY_DIR}/sample_result")
    set_tests_properties(unit/test_report_json PROPERTIES
        ENVIRONMENT "CICADA_SAMPLE_RESULT=${sample}" FIXTURES_SETUP sample_result)
    add_test(NAME unit/result_schema
        COMMAND ${python_with_jsonschema} -W ignore -m jsonschema
            -i ${sample}-0.json -i ${sample}-1.json -i ${sample}-2.json -i ${sample}-3.json
            "${PROJECT_SOURCE_DIR}/docs/result.schema.json")
    set_tests_properties(unit/result_schema PROPERTIES
        LABELS unit TIMEOUT 60 FIXTURES_REQUIRED sample_result)
else()
    message(STATUS "python3-jsonschema not found: the result's schema is not tested")
endif()
