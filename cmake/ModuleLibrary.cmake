# module_library(NAME <name> SRCS <file>... DEPS <target>...)
# One static library for one folder. Sources are listed by hand; includes start at the repository root.
function(module_library)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  add_library(${ARG_NAME} STATIC ${ARG_SRCS})
  target_include_directories(${ARG_NAME} PUBLIC "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${ARG_NAME} PUBLIC ${ARG_DEPS} PRIVATE tributary_warnings)
endfunction()

# module_program(NAME <name> SRCS <file>... DEPS <target>...)
# A program of ours, installed to bin/.
function(module_program)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  target_include_directories(${ARG_NAME} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS} tributary_warnings)
  install(TARGETS ${ARG_NAME} RUNTIME DESTINATION bin)
endfunction()
