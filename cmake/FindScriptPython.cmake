# The interpreter that Locust files run on, found by what it can import: gevent, greenlet and greenlet's header.
# Sets CICADA_PYTHON, empty without one, and what an extension for it is compiled with. Another one:
# cmake --preset release -DCICADA_PYTHON=/path/to/python3 (make script PYTHON=...).
set(CICADA_PYTHON_QUERY "
import os, sysconfig
import gevent, greenlet
roots = [os.path.dirname(os.path.dirname(greenlet.__file__)), sysconfig.get_paths()['include'],
         os.path.join(sysconfig.get_config_var('prefix'), 'include', 'site', 'python' + sysconfig.get_python_version())]
found = [root for root in roots if os.path.isfile(os.path.join(root, 'greenlet', 'greenlet.h'))]
include = sysconfig.get_paths()['include']
if found and os.path.isfile(os.path.join(include, 'Python.h')):
    print(include, found[0], sysconfig.get_config_var('EXT_SUFFIX'), sep=';', end='')
")

function(cicada_ask_python python result)
    execute_process(COMMAND "${python}" -c "${CICADA_PYTHON_QUERY}" OUTPUT_VARIABLE answer ERROR_QUIET
                    RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
        set(answer "")
    endif()
    set(${result} "${answer}" PARENT_SCOPE)
endfunction()

if(CICADA_PYTHON)
    cicada_ask_python("${CICADA_PYTHON}" CICADA_PYTHON_FACTS)
    if(NOT CICADA_PYTHON_FACTS)
        message(FATAL_ERROR "${CICADA_PYTHON} cannot import gevent and greenlet, or its headers are missing")
    endif()
else()
    foreach(candidate "$ENV{VIRTUAL_ENV}/bin/python3" /usr/bin/python3 python3 /usr/local/bin/python3)
        cicada_ask_python("${candidate}" CICADA_PYTHON_FACTS)
        if(CICADA_PYTHON_FACTS)
            find_program(CICADA_PYTHON_PROGRAM NAMES "${candidate}" NO_CACHE)
            set(CICADA_PYTHON "${CICADA_PYTHON_PROGRAM}" CACHE FILEPATH "interpreter for Locust files")
            break()
        endif()
    endforeach()
endif()
if(CICADA_PYTHON_FACTS)
    list(GET CICADA_PYTHON_FACTS 0 CICADA_PYTHON_INCLUDE)
    list(GET CICADA_PYTHON_FACTS 1 CICADA_GREENLET_INCLUDE)
    list(GET CICADA_PYTHON_FACTS 2 CICADA_PYTHON_SUFFIX)
    message(STATUS "Locust files run on ${CICADA_PYTHON}")
else()
    message(STATUS "no interpreter with gevent, greenlet and their headers: built without Locust files (make deps)")
endif()
