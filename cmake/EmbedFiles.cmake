# embed_files(OUTPUT <file.cc> HEADER <header.h> NAMESPACE <a::b> FUNCTION <Name> FILES <file>...)
# Makes a source that defines `absl::Span<const EmbeddedFile> a::b::Name()`, which the header declares: each file's name without
# its folder, and its bytes. Made anew whenever one of the files changes.
function(embed_files)
  cmake_parse_arguments(ARG "" "OUTPUT;NAMESPACE;FUNCTION;HEADER" "FILES" ${ARGN})
  list(TRANSFORM ARG_FILES PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  set(SCRIPT "${PROJECT_SOURCE_DIR}/cmake/WriteEmbedded.cmake")
  add_custom_command(OUTPUT "${ARG_OUTPUT}"
    COMMAND ${CMAKE_COMMAND} "-DOUTPUT=${ARG_OUTPUT}" "-DNAMESPACE=${ARG_NAMESPACE}" "-DFUNCTION=${ARG_FUNCTION}" "-DHEADER=${ARG_HEADER}"
            "-DFILES=${ARG_FILES}" -P "${SCRIPT}"
    DEPENDS ${ARG_FILES} "${SCRIPT}" VERBATIM)
endfunction()
