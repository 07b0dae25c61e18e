# The step of embed_files (EmbedFiles.cmake) that runs while building.
set(TEXT "// Made by cmake/WriteEmbedded.cmake.\n#include \"${HEADER}\"\n\nnamespace ${NAMESPACE} {\nnamespace {\n\nconstexpr EmbeddedFile kFiles[] = {\n")
foreach(FILE IN LISTS FILES)
  get_filename_component(NAME "${FILE}" NAME)
  file(SIZE "${FILE}" BYTES)
  file(READ "${FILE}" CONTENT HEX)
  # Every byte is escaped, so that none can mean anything to the compiler.
  string(REGEX REPLACE "(..)" "\\\\x\\1" CONTENT "${CONTENT}")
  string(APPEND TEXT "    {\"${NAME}\", absl::string_view(\"${CONTENT}\", ${BYTES})},\n")
endforeach()
string(APPEND TEXT "};\n\n}  // namespace\n\nabsl::Span<const EmbeddedFile> ${FUNCTION}() { return kFiles; }\n\n}  // namespace ${NAMESPACE}\n")
file(WRITE "${OUTPUT}" "${TEXT}")
